"""`python -m dossier import FILE`: the same import from a file, with its progress, that goes on where it was stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from chassis import paging
from chassis.cli import open_database, operator
from chassis.context import current, running
from chassis.database import Database
from chassis.service import Service
from dossier import imports, imports_store
from dossier.imports import Import
from dossier.imports_store import Run

SHOWN_ERRORS = 100
SECONDS_BETWEEN_LINES = 5.0


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="one-stop", show_default=True, help="Name of the system that the dossiers come from.")
@click.option("--dry-run", is_flag=True, help="Do everything and keep nothing.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Write all bad lines here, as NDJSON.")
@click.option("--unit", default="*", show_default=True, help="Refuse dossiers of other units.")
@click.pass_obj
def import_file(service: Service, file: Path, source: str, dry_run: bool, errors: Path | None, unit: str) -> None:
    """Import a FILE of NDJSON: one line is one dossier of another one-stop system with its whole history.

    What is good is kept, what is bad is reported by line and field, and makes the command end with 1. A file that was
    stopped in the middle is taken up where it stopped; imported again, it changes nothing.
    """
    if not re.fullmatch(imports.SOURCE, source):
        raise click.BadParameter("letters, digits, . _ and -, at most 60", param_hint="--source")
    database = open_database(service, "import")
    with _as_operator(unit), file.open("rb") as stream, _report(errors) as report:
        with _opened(database, source, file, dry_run, report) as work:
            resumed = work.run.lines
            if resumed:
                click.echo(f"{file.name}: tiếp tục sau dòng {resumed}")
            _work(work, stream, file)
        if not dry_run:
            report.copy(database, work.run)
        report.end(work.run)
    sys.exit(1 if work.run.bad else 0)


@contextlib.contextmanager
def _as_operator(unit: str) -> Iterator[None]:
    with operator():
        caller = dataclasses.replace(current().caller, unit=unit)
        with running(dataclasses.replace(current(), caller=caller)):
            yield


@contextlib.contextmanager
def _opened(database: Database, source: str, file: Path, dry: bool, report: Report) -> Iterator[Import]:
    """The import of this file that was stopped in the middle, or a new one."""
    if dry:
        with imports.rehearsed(database, source, report.add) as work:
            yield work
        return
    with database.transaction() as tx:
        stopped = [run for run in imports_store.open_runs(tx, source) if run.lines and _begins_with(file, run)]
    for run in stopped:
        with contextlib.suppress(imports.InHand), imports.again(database, run) as work:
            yield work
            return
    with imports.begun(database, source) as work:
        yield work


def _begins_with(file: Path, run: Run) -> bool:
    digest, missing = hashlib.sha256(), run.offset_bytes
    with file.open("rb") as stream:
        while missing and (piece := stream.read(min(missing, 1 << 20))):
            digest.update(piece)
            missing -= len(piece)
    return not missing and digest.hexdigest() == run.prefix_sha256


def _work(work: Import, stream: Any, file: Path) -> None:
    progress = Progress(file)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for run in work.take(iter(lambda: stream.read(imports.PIECE_BYTES), b"")):
        progress.show(run)
    progress.end(work.run)


class Progress:
    """How far the import is: one line that is written over on a terminal, otherwise a line every few seconds."""

    def __init__(self, file: Path) -> None:
        self.name, self.size = file.name, max(1, file.stat().st_size)
        self.terminal = sys.stderr.isatty()
        self.started = self.shown = time.monotonic()

    def show(self, run: Run) -> None:
        """Say it, where the last time was long enough ago."""
        now = time.monotonic()
        if now - self.shown >= (0.2 if self.terminal else SECONDS_BETWEEN_LINES):
            self.shown = now
            click.echo(("\r\x1b[K" if self.terminal else "") + self._text(run), err=True, nl=not self.terminal)

    def end(self, run: Run) -> None:
        """Say what became of it."""
        click.echo("\r\x1b[K" if self.terminal else "", err=True, nl=False)
        click.echo(
            f"{self._text(run)}: thêm {run.added}, nối tiếp {run.extended}, không đổi {run.unchanged}, lỗi {run.bad}"
        )

    def _text(self, run: Run) -> str:
        seconds = max(0.001, time.monotonic() - self.started)
        share = 100 * run.offset_bytes / self.size
        return (
            f"{self.name}: {share:.0f}%, {run.lines} dòng, {run.good} được, {run.bad} lỗi, {run.lines / seconds:.0f}/s"
        )


class Report:
    """The bad lines: in a file as NDJSON, or the first of them on stderr."""

    def __init__(self, file: TextIO | None) -> None:
        self.file = file
        self.shown = 0

    def add(self, line: int, errors: Sequence[tuple[str, str]]) -> None:
        """What is wrong with one line."""
        for field, rule in errors:
            self.shown += 1
            if self.file:
                print(json.dumps({"line": line, "field": field, "rule": rule}, ensure_ascii=False), file=self.file)
            elif self.shown <= SHOWN_ERRORS:
                click.echo(f"dòng {line}: {field}: {rule}", err=True)

    def copy(self, database: Database, run: Run) -> None:
        """What is wrong with every line of an import, whatever process read it."""
        after = [0, 0]
        while True:
            with database.transaction() as tx:
                rows = imports_store.errors(tx, run.id, after, paging.MOST)
            for row in rows:
                self.add(row.line, [(row.field, row.rule)])
            if len(rows) < paging.MOST or (not self.file and self.shown > SHOWN_ERRORS):
                return
            after = [rows[-1].line, rows[-1].number]

    def end(self, run: Run) -> None:
        """That there are more, where not all were shown."""
        if not self.file and self.shown > SHOWN_ERRORS:
            click.echo("… còn nữa: --errors TỆP ghi tất cả", err=True)


@contextlib.contextmanager
def _report(path: Path | None) -> Iterator[Report]:
    if path is None:
        yield Report(None)
        return
    with path.open("w", encoding="utf-8") as file:
        yield Report(file)

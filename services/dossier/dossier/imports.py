"""Imports the dossiers of another one-stop system: each line's history is replayed through the domain, in batches that
are kept whole together with how far the import is."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chassis import logs
from chassis.database import Database, Tx, is_away
from dossier import import_lines, imports_store, settings
from dossier.import_events import Drift
from dossier.import_lines import BadLine, ImportLine, RawLine
from dossier.import_replay import Replay
from dossier.imports_store import Run

log = logs.get(__name__)
BATCH_BYTES = 4 * 1024 * 1024
BATCH_ACTS = 5000
SOURCE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}"
MOST_ERRORS_KEPT = 100_000
PIECE_BYTES = 65_536
EMPTY_SHA256 = hashlib.sha256().hexdigest()
TRY_AGAIN = ("40", "55P03", "57014")
"""A transaction that met another one, or waited too long: the lines are as good as before."""
TOO_SLOW = "57014"
"""A statement over its time: half as many lines may take half of it."""
OF_A_LINE = ("22", "23")
"""Data that the database refuses; anything else that it says is no line's fault."""
ATTEMPTS = 5


class InHand(Exception):
    """Another process works at this import."""


class AnotherFile(ValueError):
    """What comes does not begin with what this import has already read."""


class Busy(Exception):
    """The database could not keep a batch, through no fault of its lines; the import can go on later."""


@dataclasses.dataclass(frozen=True)
class Read:
    """A line that was read: a dossier, or what is wrong with it."""

    raw: RawLine
    line: ImportLine | None
    errors: Sequence[tuple[str, str]] = ()


@dataclasses.dataclass
class Kept:
    """What became of a batch."""

    added: int = 0
    extended: int = 0
    unchanged: int = 0
    wrong: dict[int, Sequence[tuple[str, str]]] = dataclasses.field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """By the names of the columns."""
        named = {"added": self.added, "extended": self.extended, "unchanged": self.unchanged}
        return named | {"bad": len(self.wrong)}


class Import:
    """One import in hand, on one connection of the database that no other import holds meanwhile.

    With `dry` everything is done and nothing is kept. `on_bad` is told the errors of a line once they are certain.
    """

    def __init__(
        self, connection: Any, run: Run, dry: bool = False, on_bad: Callable[[int, Any], None] = lambda *_: None
    ) -> None:
        self.connection = connection
        self.run = run
        self.dry = dry
        self.on_bad = on_bad

    def take(self, pieces: Iterable[bytes]) -> Iterator[Run]:
        """Read a stream to its end, and say after each batch how far it is. What was read before is passed over.

        Raises AnotherFile, Busy, and what the stream raises; a batch is kept whole or not at all.
        """
        pieces = iter(pieces)
        digest, left = self._pass_over(pieces)
        if self.run.state == "finished":
            if left or next(pieces, b""):
                raise AnotherFile("Nội dung dài hơn phần đã nhập")
            return
        lines = import_lines.raw_lines(itertools.chain([left], pieces), self.run.lines, self.run.offset_bytes, digest)
        with _one_ahead(_batches(lines)) as batches:
            for batch in batches:
                self._keep(batch)
                yield self.run
        if not self.dry:
            with self.connection.begin():
                imports_store.end(self.connection, self.run, "finished")
        self.run.state = "finished"

    def _pass_over(self, pieces: Iterator[bytes]) -> tuple[Any, bytes]:
        """The digest of what was read before, and the rest of the piece in which it ended."""
        digest, missing, left = hashlib.sha256(), self.run.offset_bytes, b""
        while missing:
            piece = next(pieces, b"")
            if not piece:
                raise AnotherFile("Nội dung ngắn hơn phần đã nhập")
            digest.update(piece[:missing])
            left = piece[missing:]
            missing = max(0, missing - len(piece))
        if digest.hexdigest() != self.run.prefix_sha256:
            raise AnotherFile("Nội dung khác với phần đã nhập")
        return digest, left

    def _keep(self, batch: Sequence[Read]) -> None:
        """Keep a batch; one that the database refuses is halved until the bad line stands alone."""
        error = self._try(batch)
        if error is None:
            return
        if len(batch) > 1:
            middle = len(batch) // 2
            self._keep(batch[:middle])
            self._keep(batch[middle:])
            return
        known = hasattr(error, "orig")  # the database's words may quote values, a traceback of ours does not
        kind = type(error).__name__
        log.warning("a line was not kept", line=batch[0].raw.number, error=kind, exc_info=None if known else error)
        refused = dataclasses.replace(batch[0], line=None, errors=(("line", "Không lưu được dòng này"),))
        if error := self._try([refused]):
            raise error

    def _try(self, batch: Sequence[Read]) -> Exception | None:
        """Keep a batch in one transaction; the error for which it cannot be kept, where that may be a line's own."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                kept = self._commit(batch)
            except Exception as error:
                state = str(getattr(getattr(error, "orig", None), "pgcode", None) or "")
                if (
                    is_away(error)
                    or isinstance(error, Drift)
                    or (state and not state.startswith(OF_A_LINE + TRY_AGAIN))
                ):
                    raise
                if not state.startswith(TRY_AGAIN) or (state == TOO_SLOW and len(batch) > 1):
                    return error
                time.sleep(0.1 * attempt)  # not more than a second and a half in all
            else:
                self._moved(batch, kept)
                return None
        raise Busy

    def _commit(self, batch: Sequence[Read]) -> Kept:
        with self.connection.begin() as transaction:
            tx, run = self.connection, self.run
            kept = _kept(tx, imports_store.add_run(tx, run.source, None, EMPTY_SHA256) if self.dry else run, batch)
            if self.dry:
                transaction.rollback()
                return kept
            imports_store.move(tx, dataclasses.replace(run, **_place(batch)), kept.counts())
            if run.bad < MOST_ERRORS_KEPT:
                imports_store.add_errors(tx, run, sorted(kept.wrong.items()))
        return kept

    def _moved(self, batch: Sequence[Read], kept: Kept) -> None:
        for name, value in _place(batch).items():
            setattr(self.run, name, value)
        for name, more in kept.counts().items():
            setattr(self.run, name, getattr(self.run, name) + more)
        for number, errors in sorted(kept.wrong.items()):
            self.on_bad(number, errors)


def _place(batch: Sequence[Read]) -> dict[str, Any]:
    last = batch[-1].raw
    return {"lines": last.number, "offset_bytes": last.end_bytes, "prefix_sha256": last.digest.hexdigest()}


def _batches(lines: Iterable[RawLine]) -> Iterator[list[Read]]:
    """Lines read, cut into batches in which no dossier stands twice."""
    batch: list[Read] = []
    seen: set[tuple[str, str]] = set()
    size, acts, most = 0, 0, settings.imports().batch
    for raw in lines:
        read = _read(raw)
        names = {("source_code", read.line.source_code), ("code", read.line.code)} if read.line else set()
        if batch and (len(batch) >= most or size >= BATCH_BYTES or acts >= BATCH_ACTS or names & seen):
            yield batch
            batch, seen, size, acts = [], set(), 0, 0
        batch.append(read)
        seen |= names
        size += len(raw.text or b"")
        acts += len(read.line.acts) if read.line else 0
    if batch:
        yield batch


@contextlib.contextmanager
def _one_ahead(batches: Iterator[list[Read]]) -> Iterator[Iterator[list[Read]]]:
    """The same, each read while the database keeps the one before."""
    with ThreadPoolExecutor(1, thread_name_prefix="import-reader") as reader:

        def each() -> Iterator[list[Read]]:
            ahead = reader.submit(next, batches, None)
            while (batch := ahead.result()) is not None:
                ahead = reader.submit(next, batches, None)
                yield batch

        yield each()


def _read(raw: RawLine) -> Read:
    if raw.text is not None and not raw.text.strip():
        return Read(raw, None)
    try:
        return Read(raw, import_lines.read(raw.text, datetime.datetime.now(datetime.UTC)))
    except BadLine as bad:
        return Read(raw, None, bad.errors)


def _kept(tx: Tx, run: Run, batch: Sequence[Read]) -> Kept:
    """Replay the lines of a batch and store what comes of it."""
    kept = Kept(wrong={each.raw.number: each.errors for each in batch if each.errors})
    lines = [(each.raw.number, each.line) for each in batch if each.line]
    if not lines:
        return kept
    imports_store.lock_source(tx, run.source)
    replay = Replay(tx, run, [line for _, line in lines])
    for number, line in lines:
        try:
            setattr(kept, what := replay.take(line), getattr(kept, what) + 1)
        except BadLine as bad:
            kept.wrong[number] = bad.errors
    replay.store()
    return kept


@contextlib.contextmanager
def begun(database: Database, source: str, key: str | None = None) -> Iterator[Import]:
    """A new import of a source; with a key that the caller used before, that one again. Raises InHand."""
    with database.transaction() as tx:
        run = imports_store.add_run(tx, source, key, EMPTY_SHA256)
    with again(database, run) as work:
        yield work


@contextlib.contextmanager
def again(database: Database, run: Run) -> Iterator[Import]:
    """An import as it now stands, held as long as the block runs; left early it is interrupted. Raises InHand."""
    with database.engine.connect() as connection:
        with connection.begin():
            if not imports_store.lock_run(connection, run.id):
                raise InHand(run.id)
            run = imports_store.get_run(connection, run.id) or run
        try:
            yield Import(connection, run)
        finally:
            _let_go(connection, run)


def _let_go(connection: Any, run: Run) -> None:
    """A connection that cannot do so much is closed, and with it goes what it held."""
    try:
        with connection.begin():
            if run.state != "finished":
                imports_store.end(connection, run, "interrupted")
            imports_store.unlock_run(connection, run.id)
    except Exception:
        connection.invalidate()


@contextlib.contextmanager
def rehearsed(database: Database, source: str, on_bad: Callable[[int, Any], None]) -> Iterator[Import]:
    """An import that does everything and keeps nothing, nor any trace of itself."""
    now = datetime.datetime.now(datetime.UTC)
    run = Run(0, source, "running", "", now, now, None, 0, 0, EMPTY_SHA256, 0, 0, 0, 0)
    with database.engine.connect() as connection:
        yield Import(connection, run, dry=True, on_bad=on_bad)

"""The scheduler: says what has fallen due, and recounts open dossiers after a change of calendar; several may run."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Sequence
from typing import Any

import click
from prometheus_client import Counter, Gauge, Histogram

from chassis import context, logs
from chassis.cli import run_loop
from chassis.context import Context, new_id
from chassis.database import Database, Tx, is_away
from chassis.service import Service
from dossier import files, files_sweep, recompute, settings, watch_store
from dossier.domain.promises import WARNINGS, Kind, fact_of, overdue_at
from dossier.store import Record
from dossier.telling import Tidings, tell

log = logs.get(__name__)
SAID = Counter("ioc_dossier_promises_said_total", "Promises whose moment was announced", ["kind"])
HELD = Counter("ioc_dossier_promises_held_total", "Promises that could not be announced and wait for another attempt")
LATE_SECONDS = Histogram(
    "ioc_dossier_promise_late_seconds",
    "From the moment of a promise to its announcement",
    buckets=(0.25, 0.5, 1, 2, 5, 30, 300, 3600, 86400),
)
RECOUNTED = Counter("ioc_dossier_recounted_total", "Dossiers counted anew after a change of calendar")
RECOMPUTES = Gauge("ioc_dossier_recomputes_open", "Recountings that are not finished")


class Scheduler:
    """Looks every half second for promises whose moment has come by the database's clock, and for slices to recount.

    A batch is one transaction on rows that nobody else has in hand: a scheduler that is killed leaves nothing half done,
    and what fell due while none ran is said when one starts.
    """

    def __init__(self, database: Database, options: settings.WatchSettings) -> None:
        self.database = database
        self.options = options
        self.stopping = threading.Event()

    def run(self) -> None:
        """Work until told to stop. What is due goes before what is to be recounted."""
        if keep := files.keep():
            files_sweep.start(self.stopping, self.database, keep)
        while not self.stopping.is_set():
            try:
                if not (self.say_due() or self.recount()):
                    self.stopping.wait(self.options.poll_s)
            except Exception as error:
                if not is_away(error):
                    log.exception("scheduler failed")
                self.stopping.wait(1.0)

    def say_due(self) -> int:
        """Say one batch of what has fallen due; when it fails, each alone, so that a bad one holds up no other. Returns
        how many were taken."""
        try:
            return self._say_batch(self.options.batch)
        except Exception as error:
            if is_away(error):
                raise
            log.exception("a batch of promises failed; each is tried alone")
        taken = 0
        while taken < self.options.batch and not self.stopping.is_set() and self._say_one():
            taken += 1
        return taken

    def _say_batch(self, limit: int) -> int:
        with self.database.transaction() as tx:
            rows = watch_store.take_due(tx, limit)
            if rows:
                self._say(tx, rows)
        for row in rows:
            LATE_SECONDS.observe(max(0.0, float(row.late_s)))
        return len(rows)

    def _say_one(self) -> bool:
        with self.database.transaction() as tx:
            rows = watch_store.take_due(tx, 1)
            if not rows:
                return False
            try:
                with tx.begin_nested():
                    self._say(tx, rows)
            except Exception as error:
                if is_away(error):
                    raise
                HELD.inc()
                log.exception("a promise could not be said", code=rows[0].code, kind=rows[0].kind)
                watch_store.hold(tx, rows[0])
        return True

    def _say(self, tx: Tx, rows: Sequence[Any]) -> None:
        records = watch_store.get_many(tx, [row.code for row in rows])
        at = watch_store.now(tx)
        told = [(row, records[row.code]) for row in rows if not _too_late_to_warn(row, at)]
        with context.running(Context(new_id())):
            tell(tx, [_tidings(row, record) for row, record in told])
        watch_store.said(tx, rows)
        for row, _ in told:
            SAID.labels(row.kind).inc()

    def recount(self) -> bool:
        """Recount one slice of a calendar change; False when there is none."""
        work = recompute.work(self.database, self.options.batch)
        RECOUNTED.inc(work.dossiers)
        RECOMPUTES.set(work.open)
        return work.done


def _tidings(row: Any, record: Record) -> Tidings:
    return Tidings(record, (fact_of(record.dossier, watch_store.promise_of(row)),))


def _too_late_to_warn(row: Any, now: datetime.datetime) -> bool:
    """After a downtime the breach is said, not that it will come."""
    return Kind(row.kind) in WARNINGS and overdue_at(row.promised_at) <= now


@click.command()
@click.pass_obj
def scheduler(service: Service) -> None:
    """Say what falls due, within seconds, and recount open dossiers when the calendar changes; several may run."""
    run_loop(service, "scheduler", lambda database: Scheduler(database, settings.watch()))

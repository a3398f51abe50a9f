"""Recounts the open dossiers of some units after a change of calendar: in slices, by as many schedulers as run, each
slice once.

A slice is one transaction: its dossiers are locked in the order of their codes, counted anew by the domain, and those
whose dates moved are saved, announced and audited, and their citizens told. A process that is killed leaves its slice as
it was; a slice done twice would change nothing. Closed and completed dossiers never move.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from chassis import context, logs
from chassis.context import SYSTEM, Caller, Context
from chassis.database import Database, Tx, is_away
from dossier import catalogue, recompute_store, watch_store
from dossier.domain.calendar import CalendarError
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars, follow_calendar
from dossier.store import Record
from dossier.telling import Tidings, tell

log = logs.get(__name__)


@dataclasses.dataclass(frozen=True)
class Worked:
    """What one look brought: whether there was work, how many dossiers were counted, and how many recountings are open."""

    done: bool
    dossiers: int
    open: int


def work(database: Database, slice_size: int) -> Worked:
    """Do the next piece of the oldest recounting that has one: cut it into slices, count one slice, or close it."""
    jobs = recompute_store.open_jobs(database)
    for job in jobs:
        if job.started_at is None:
            if _cut(database, job, slice_size):
                return Worked(True, 0, len(jobs))
        else:
            counted = _count_slice(database, job)
            if counted is not None:
                return Worked(True, counted, len(jobs))
            with database.transaction() as tx:
                recompute_store.finish(tx, job.id)
    return Worked(False, 0, len(jobs))


def _cut(database: Database, job: Any, slice_size: int) -> bool:
    """Cut a recounting into slices of codes once every act that may have counted by the old calendar has ended."""
    with database.transaction() as tx:
        return recompute_store.begin(tx, job.id) and recompute_store.cut(tx, job.id, job.units, slice_size)


def _count_slice(database: Database, job: Any) -> int | None:
    """Count one slice that nobody has in hand; None when there is none left."""
    with database.transaction() as tx:
        part = recompute_store.take_slice(tx, job.id)
        if part is None:
            return None
        try:
            with tx.begin_nested(), _on_behalf_of(job):
                codes = recompute_store.codes(tx, part, job.units)
                moved, failed = recount(tx, list(watch_store.get_many(tx, codes, lock=True).values()))
                recompute_store.slice_done(tx, part, moved, failed)
        except Exception as error:
            if is_away(error):
                raise
            given_up = recompute_store.slice_failed(tx, part)
            log.exception("slice failed", recompute=job.id, slice=part.number, given_up=given_up)
            return 0
    log.info("slice recounted", recompute=job.id, slice=part.number, dossiers=len(codes), moved=moved, failed=failed)
    return len(codes)


def _on_behalf_of(job: Any) -> AbstractContextManager[Context]:
    caller = Caller(subject=job.requested_by, role=SYSTEM.role)
    return context.running(Context(job.correlation_id, caller=caller))


def recount(tx: Tx, records: Sequence[Record]) -> tuple[int, int]:
    """Count locked dossiers anew; returns how many moved and how many could not be counted (those stay as they are)."""
    calendars = catalogue.calendars(tx, {unit for record in records for unit in _units(record)})
    now = watch_store.now(tx)
    counted, tidings, failed = [], [], 0
    for record in records:
        try:
            done = follow_calendar(record.dossier, now, calendars)
        except CalendarError as error:
            failed += 1
            log.warning("dossier not recounted", code=record.dossier.code, reason=str(error))
            continue
        counted.append(done.dossier)
        if done.dossier != record.dossier:
            after = dataclasses.replace(record, dossier=done.dossier, version=record.version + 1)
            tidings.append(Tidings(after, done.facts, record.dossier))
    watch_store.save_dates(tx, [each.record.dossier for each in tidings])
    _keep(tx, counted, calendars, now)
    tell(tx, tidings, "dossier.follow-calendar")
    return len(tidings), failed


def _keep(tx: Tx, dossiers: Sequence[Dossier], calendars: Calendars, now: datetime.datetime) -> None:
    if dossiers:
        watch_store.keep_many(tx, dossiers, calendars, made_at=now)


def _units(record: Record) -> set[str]:
    return {record.dossier.unit, *(step.unit for step in record.dossier.terms.steps)}

"""What is counted, and on which day; pure."""

from __future__ import annotations

import collections
import datetime
import enum
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


class Measure(enum.StrEnum):
    """The columns of the report (a real one-stop system's; see `outcome` for how they are told apart)."""

    RECEIVED = "received"
    FINISHED = "finished"
    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


Key = tuple[str, datetime.date, Measure]
"""Unit, local day, measure."""


def reporting_day(at: datetime.datetime) -> datetime.date:
    """The local day (UTC+7) on which something counts."""
    return at.astimezone(LOCAL).date()


def outcome(at: datetime.datetime, due_at: datetime.datetime | None) -> Measure:
    """Early, on time or late, compared by local date; without a due date on time (as one-stop systems report it)."""
    if due_at is None:
        return Measure.ON_TIME
    end, due = reporting_day(at), reporting_day(due_at)
    if end == due:
        return Measure.ON_TIME
    return Measure.EARLY if end < due else Measure.LATE


def received(unit: str, at: datetime.datetime) -> list[Key]:
    """The counters that a received dossier moves."""
    return [(unit, reporting_day(at), Measure.RECEIVED)]


def finished(unit: str, at: datetime.datetime, due_at: datetime.datetime | None) -> list[Key]:
    """The counters that a finished dossier moves."""
    day = reporting_day(at)
    return [(unit, day, Measure.FINISHED), (unit, day, outcome(at, due_at))]


MOVES: dict[str, Callable[..., list[Key]]] = {"dossier.received.v1": received, "dossier.completed.v1": finished}
"""Which counters each type of event moves."""


def total(keys: Iterable[Key]) -> list[tuple[Key, int]]:
    """How much each counter grows, in a stable order, so that two writers lock them in the same order."""
    return sorted(collections.Counter(keys).items())

"""Early, on time or late; in time, near due or overdue; and the day and the column a dossier is reported under.

Promises are compared by local date, as the national reports do: a result on the due date is on time at any hour.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import Enum

from dossier.domain.instants import local_day
from dossier.domain.status import Status

NEAR_DUE = timedelta(hours=24)


class Outcome(Enum):
    """How a finished dossier stands to its promise."""

    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


class DueState(Enum):
    """How an open dossier stands to its promise."""

    IN_TIME = "in_time"
    NEAR_DUE = "near_due"
    OVERDUE = "overdue"


class Column(Enum):
    """The group of report columns a status is counted in (statistics of provincial systems)."""

    NOT_COUNTED = "not_counted"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    DONE = "done"


_COLUMNS = {
    Status.FILED: Column.NOT_COUNTED,
    Status.REJECTED: Column.NOT_COUNTED,
    Status.ACCEPTED: Column.IN_PROGRESS,
    Status.PROCESSING: Column.IN_PROGRESS,
    Status.AWAITING_SUPPLEMENT: Column.PAUSED,
    Status.AWAITING_PAYMENT: Column.PAUSED,
    Status.STOPPED: Column.PAUSED,
    Status.WITHDRAWN: Column.WITHDRAWN,
    Status.COMPLETED: Column.DONE,
    Status.RETURNED: Column.DONE,
}


def reporting_day(at: datetime) -> date:
    """The Vietnamese date under which a moment is reported."""
    return local_day(at)


def outcome(ended_at: datetime, due_at: datetime | None) -> Outcome:
    """Early before the due date, on time on it or without one, late after it."""
    if due_at is None:
        return Outcome.ON_TIME
    ended_on, due_on = local_day(ended_at), local_day(due_at)
    if ended_on == due_on:
        return Outcome.ON_TIME
    return Outcome.EARLY if ended_on < due_on else Outcome.LATE


def index_outcome(ended_at: datetime, due_at: datetime | None, supplement_requests: int) -> Outcome:
    """As `outcome`, but a dossier with more than one supplement request is late (QĐ 766/QĐ-TTg, index of service)."""
    return Outcome.LATE if supplement_requests > 1 else outcome(ended_at, due_at)


def withdrawn_outcome() -> Outcome:
    """A withdrawn dossier counts as solved on time (statistics of provincial systems)."""
    return Outcome.ON_TIME


def due_state(due_at: datetime | None, now: datetime) -> DueState:
    """Overdue after the due date, near due within 24 hours of the due time, otherwise in time; without a due time in
    time."""
    if due_at is None:
        return DueState.IN_TIME
    if local_day(now) > local_day(due_at):
        return DueState.OVERDUE
    return DueState.NEAR_DUE if due_at - now <= NEAR_DUE else DueState.IN_TIME


def column(status: Status) -> Column:
    """The report columns of a status."""
    return _COLUMNS[status]

"""What an open dossier owes somebody, and the moment at which that has to be said: due soon, overdue, foreseen to be
late.

- *Overdue* is judged by date, as outcomes are (`outcome.outcome`): a result on the due date is on time at any hour. A
  promise is therefore broken at the local midnight that ends its due date, for the dossier as for a step.
- An *online answer* is owed to the hour (HanTiepNhan: overdue when NgayTiepNhan > HanTiepNhan): broken at its due time.
- A *supplement* is awaited until a day: overdue at the midnight that ends it; then the dossier may be refused.
- *Due soon* begins so many working days before the due time, by the calendar and at the hour of the unit that owes it.
- A *breach is foreseen* from the moment from which the steps that remain, each with its whole limit by its own unit's
  calendar, end after the due date (NĐ 61/2018, art. 19(6)(7)(9)). The step under way is reckoned to end when it is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from dossier.domain.calendar import MAX_DAYS_CLOSED, Calendar, CalendarError, NoWorkingTime
from dossier.domain.clock import deadline
from dossier.domain.dossiers import Dossier, Step
from dossier.domain.due_dates import Calendars, calendar_of
from dossier.domain.facts import (
    AnswerOverdue,
    BreachForeseen,
    DossierDueSoon,
    DossierOverdue,
    Fact,
    StepDueSoon,
    StepOverdue,
    SupplementOverdue,
)
from dossier.domain.instants import SECONDS_PER_DAY, instant, local_day, moment
from dossier.domain.status import Status

_SEARCH_SECONDS = 60
"""How exactly the moment is found from which a breach is foreseen."""


class Kind(Enum):
    """What is said of a promise."""

    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    STEP_DUE_SOON = "step_due_soon"
    STEP_OVERDUE = "step_overdue"
    ANSWER_OVERDUE = "answer_overdue"
    SUPPLEMENT_OVERDUE = "supplement_overdue"
    BREACH_FORESEEN = "breach_foreseen"


BY_THE_CLOCK = (Kind.DUE_SOON, Kind.OVERDUE, Kind.STEP_DUE_SOON, Kind.STEP_OVERDUE, Kind.BREACH_FORESEEN)
"""What stands still with the dossier's clock, and goes on with it."""
WARNINGS = {Kind.DUE_SOON: Kind.OVERDUE, Kind.STEP_DUE_SOON: Kind.STEP_OVERDUE, Kind.BREACH_FORESEEN: Kind.OVERDUE}
"""A warning is not said once the breach that it warns of has come."""


class Promise(NamedTuple):
    """`promised_at` is the due time, `fires_at` the moment to say so, `step` the step's number from 1 (0: the dossier)."""

    kind: Kind
    step: int
    promised_at: datetime
    fires_at: datetime


def promises(dossier: Dossier, calendars: Calendars, warn_days: int = 1) -> tuple[Promise, ...]:
    """Everything that the dossier owes as it stands, `warn_days` working days being "soon"; nothing while its clock
    stands still (but the supplement that is awaited), and nothing once processing has ended."""
    return tuple(_promises(dossier, calendars, warn_days))


def _promises(dossier: Dossier, calendars: Calendars, warn_days: int) -> Iterator[Promise]:
    if dossier.status is Status.FILED and dossier.intake_due_at is not None:
        yield Promise(Kind.ANSWER_OVERDUE, 0, dossier.intake_due_at, dossier.intake_due_at)
    if dossier.status is Status.AWAITING_SUPPLEMENT and dossier.respond_by is not None:
        ends = moment((dossier.respond_by.toordinal() + 1) * SECONDS_PER_DAY)
        yield Promise(Kind.SUPPLEMENT_OVERDUE, 0, ends, ends)
    if dossier.status not in (Status.ACCEPTED, Status.PROCESSING):
        return
    step = dossier.current_step
    if step is not None and step.due_at is not None:
        number, calendar = len(dossier.steps), calendar_of(calendars, step.plan.unit)
        yield Promise(Kind.STEP_DUE_SOON, number, step.due_at, due_soon_at(calendar, step.due_at, warn_days))
        yield Promise(Kind.STEP_OVERDUE, number, step.due_at, overdue_at(step.due_at))
    if dossier.due_at is None:
        return
    calendar = calendar_of(calendars, dossier.unit)
    yield Promise(Kind.DUE_SOON, 0, dossier.due_at, due_soon_at(calendar, dossier.due_at, warn_days))
    yield Promise(Kind.OVERDUE, 0, dossier.due_at, overdue_at(dossier.due_at))
    foreseen = foreseen_at(dossier, calendars)
    if foreseen is not None:
        yield Promise(Kind.BREACH_FORESEEN, 0, dossier.due_at, foreseen)


def overdue_at(due_at: datetime) -> datetime:
    """The local midnight that ends the due date."""
    return moment((instant(due_at) // SECONDS_PER_DAY + 1) * SECONDS_PER_DAY)


def due_soon_at(calendar: Calendar, due_at: datetime, days: int) -> datetime:
    """So many working days before a due time, its hour kept inside that day."""
    ordinal, second = divmod(instant(due_at), SECONDS_PER_DAY)
    for _ in range(days):
        ordinal = _working_day_before(calendar, ordinal)
    return moment(calendar.at_hour(calendar.day(ordinal), second)) if days else due_at


def _working_day_before(calendar: Calendar, ordinal: int) -> int:
    for candidate in range(ordinal - 1, ordinal - MAX_DAYS_CLOSED, -1):
        if calendar.day(candidate).windows:
            return candidate
    raise NoWorkingTime(f"Đơn vị không làm việc ngày nào trong {MAX_DAYS_CLOSED} ngày liền")


def foreseen_at(dossier: Dossier, calendars: Calendars) -> datetime | None:
    """From when on the remaining steps no longer fit before the due date; None where nothing tells it before the
    breach itself does, or where a unit that will have a step has no calendar yet. Later starts never end earlier, so
    the moment is found by halving."""
    step = dossier.current_step
    if dossier.due_at is None or not (dossier.next_step or step):
        return None
    try:
        first, last = instant(dossier.last_act_at), instant(overdue_at(dossier.due_at))
        breach = last
        if _ends_late(dossier, step, calendars, first):
            return moment(first)
        while last - first > _SEARCH_SECONDS:
            middle = (first + last) // 2
            first, last = (first, middle) if _ends_late(dossier, step, calendars, middle) else (middle, last)
    except CalendarError:  # an act of today is not refused for the calendar of a later step
        return None
    return moment(last) if last < breach else None


def _ends_late(dossier: Dossier, step: Step | None, calendars: Calendars, now: int) -> bool:
    at = moment(now)
    if step is not None and step.due_at is not None:
        at = max(at, step.due_at)
    for plan in dossier.terms.steps[len(dossier.steps) :]:
        calendar = calendar_of(calendars, plan.unit)
        at = deadline(calendar, dossier.rules, plan.limit, at).due_at or at
    return dossier.due_at is not None and local_day(at) > local_day(dossier.due_at)


def fact_of(dossier: Dossier, promise: Promise) -> Fact:
    """What is said when the moment of a promise has come."""
    step = dossier.steps[promise.step - 1].plan if promise.step else None
    match promise.kind, step:
        case Kind.DUE_SOON, _:
            return DossierDueSoon(promise.fires_at)
        case Kind.OVERDUE, _:
            return DossierOverdue(promise.fires_at)
        case Kind.ANSWER_OVERDUE, _:
            return AnswerOverdue(promise.fires_at, promise.promised_at)
        case Kind.SUPPLEMENT_OVERDUE, _ if dossier.respond_by is not None:
            return SupplementOverdue(promise.fires_at, dossier.respond_by)
        case Kind.BREACH_FORESEEN, _:
            return BreachForeseen(promise.fires_at)
        case Kind.STEP_DUE_SOON, plan if plan is not None:
            return StepDueSoon(promise.fires_at, plan.unit, plan.name, promise.promised_at)
        case Kind.STEP_OVERDUE, plan if plan is not None:
            return StepOverdue(promise.fires_at, plan.unit, plan.name, promise.promised_at)
    raise ValueError(f"{dossier.code} owes no {promise.kind.value}")

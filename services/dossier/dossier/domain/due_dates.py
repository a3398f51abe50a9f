"""The dates of a dossier: counts its promise, its step's promise, its forwarding and the last day to ask for a
supplement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from dossier.domain.calendar import Calendar, CalendarError
from dossier.domain.clock import Deadline, deadline
from dossier.domain.counting import day_mark
from dossier.domain.dossiers import Channel, Dossier, Step
from dossier.domain.facts import Done, DueDateChanged, Fact, StepDueDateChanged
from dossier.domain.instants import SECONDS_PER_DAY, SECONDS_PER_HOUR, instant, local_day, moment
from dossier.domain.limits import Limit
from dossier.domain.rules import RuleSet
from dossier.domain.status import Status

Calendars = Mapping[str, Calendar]
"""The working calendar of each unit that has to do with a dossier, by unit code."""


class UnitWithoutCalendar(CalendarError):
    """No calendar was given for a unit that has to do something."""


def calendar_of(calendars: Calendars, unit: str) -> Calendar:
    """The unit's calendar, or UnitWithoutCalendar."""
    calendar = calendars.get(unit)
    if calendar is None:
        raise UnitWithoutCalendar(f"Đơn vị {unit} chưa có lịch làm việc")
    return calendar


def dossier_deadline(dossier: Dossier, calendars: Calendars) -> Deadline | None:
    """The dossier's deadline with its explanation; None before acceptance, when nothing has been promised."""
    if dossier.accepted_at is None:
        return None
    return deadline(
        calendar_of(calendars, dossier.unit),
        dossier.rules,
        dossier.terms.limit,
        dossier.accepted_at,
        dossier.intervals,
        dossier.terms.supplement_clock,
        dossier.reappointment,
    )


def step_deadline(dossier: Dossier, step: Step, calendars: Calendars) -> Deadline:
    """The deadline of a step by the hours of the unit that does it (NĐ 61/2018, art. 19(6)(7)); the dossier's pauses
    are its own."""
    return deadline(
        calendar_of(calendars, step.plan.unit),
        dossier.rules,
        step.plan.limit,
        step.started_at,
        dossier.intervals,
        dossier.terms.supplement_clock,
    )


def intake_due(calendar: Calendar, rules: RuleSet, channel: Channel, filed_at: datetime) -> datetime | None:
    """When an online filing must be answered: eight working hours (HanTiepNhan; NĐ 118/2025, art. 17(2)(c)); other
    channels are answered at the counter."""
    if channel is not Channel.ONLINE:
        return None
    return deadline(calendar, rules, Limit.working_hours(rules.online_answer_hours), filed_at).due_at


def forward_due(calendar: Calendar, rules: RuleSet, accepted_at: datetime) -> datetime:
    """By when a dossier is forwarded (NĐ 61/2018, art. 18(2)(3)): the same working day, or after 15:00 the next one's
    first hours.

    "Đầu giờ ngày làm việc tiếp theo" is read as the first working window of that day.
    """
    ordinal, second = divmod(calendar.next_working(instant(accepted_at)), SECONDS_PER_DAY)
    day = calendar.day(ordinal)
    if second <= rules.forward_cutoff_hour * SECONDS_PER_HOUR:
        return moment(ordinal * SECONDS_PER_DAY + day.windows[-1].closes)
    following = calendar.working_day_after(ordinal, 1)
    return moment(following.ordinal * SECONDS_PER_DAY + following.windows[0].closes)


def supplement_until(calendar: Calendar, rules: RuleSet, dossier: Dossier, accepted_at: datetime) -> date:
    """The last day to ask for a supplement after receipt (NĐ 61/2018, art. 19(4)), by date; a special law's days go
    first."""
    special = dossier.terms.supplement_within_days
    days = rules.supplement_within_days if special is None else special
    return local_day(moment(day_mark(calendar, calendar.next_working(instant(accepted_at)), days)))


def answer_until(calendar: Calendar, rules: RuleSet, asked_at: datetime) -> date | None:
    """The last day to answer a supplement request after appraisal where none is named; None where the decree sets none.

    NĐ 118/2025, art. 19(5): fifteen days from the notice. Its day does not count, and a last day off gives way to the
    next working day (BLDS 2015, art. 147(2) and 148(5)).
    """
    if rules.supplement_answer_days is None:
        return None
    last = local_day(asked_at).toordinal() + rules.supplement_answer_days
    return date.fromordinal(calendar.working_day_from(last).ordinal)


def recounted(dossier: Dossier, calendars: Calendars) -> Dossier:
    """The dossier with the due times of itself and of the step under way counted anew."""
    counted = dossier_deadline(dossier, calendars)
    step = dossier.current_step
    steps = dossier.steps
    if step is not None:
        steps = (*steps[:-1], replace(step, due_at=step_deadline(dossier, step, calendars).due_at))
    return replace(dossier, due_at=counted.due_at if counted else None, steps=steps)


def follow_calendar(dossier: Dossier, now: datetime, calendars: Calendars) -> Done:
    """The dossier after a change of calendar: an open one is counted anew and each change is a fact; a finished one
    never moves."""
    if dossier.status.closed or dossier.status is Status.COMPLETED:
        return Done(dossier, ())
    calendar, rules = calendar_of(calendars, dossier.unit), dossier.rules
    moved = recounted(dossier, calendars)
    if dossier.accepted_at is None:
        answer_due_at = intake_due(calendar, rules, dossier.channel, dossier.filed_at)
        moved = replace(moved, intake_due_at=answer_due_at)
    else:
        until = supplement_until(calendar, rules, dossier, dossier.accepted_at)
        moved = replace(moved, supplement_until=until, forward_due_at=forward_due(calendar, rules, dossier.accepted_at))
    return Done(moved, _changes(dossier, moved, now))


def _changes(before: Dossier, after: Dossier, now: datetime) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if before.due_at != after.due_at:
        facts.append(DueDateChanged(now, before.due_at, after.due_at))
    old, new = before.current_step, after.current_step
    if old is not None and new is not None and old.due_at != new.due_at:
        facts.append(StepDueDateChanged(now, new.plan.unit, new.plan.name, old.due_at, new.due_at))
    return tuple(facts)

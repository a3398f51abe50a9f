"""The legal clock: one pure function from a calendar, a rule set, a limit and intervals to the due time and its
explanation.

Day semantics, decided once for the whole platform (sources: BLDS 2015, art. 147-148; NĐ 61/2018, art. 19; practice of
one-stop systems):

- Receipt outside the working windows moves to the next opening: the clock starts at a working second.
- *Working days*: whole days, never 24 hours; the start day is not counted and the hour is kept. Where the last day does
  not have that hour it is kept inside that day: in a break the next opening, after its close the close. The date is the
  promise.
- *Half days*: the whole days first, then half of the day that would follow, in working time (four hours of a day of
  eight).
- *Working hours*: working seconds; a full day's work ends at the close, not at the next opening.
- *Calendar days* (ngày): every day counts; a last day or hour that is off moves to the next opening.
- A *pause* takes working time only, so in closed hours it costs nothing; pauses are united first, so neither their
  order nor their overlap matters. One that begins before the due time pushes it back by all the working time it takes;
  one that begins at or after it does nothing. While a pause that began before the due time is open there is no due
  time.
- A *restart* is a new start at the moment the supplement is in; what was counted or paused before that moment no longer
  matters.
- A re-appointed date replaces the counted one; later pauses push it back like any other, a later restart annuls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from dossier.domain.calendar import Calendar
from dossier.domain.counting import NO_PAUSES, Pauses, add, keeps_hour, push_back, unite
from dossier.domain.explanation import Entry, Explanation, Pause, Scale, Why, by_days, by_seconds, paused_entry
from dossier.domain.instants import instant, moment
from dossier.domain.limits import Interval, IntervalKind, Limit, LimitKind, Reappointment, SupplementClock
from dossier.domain.rules import Rule, RuleSet


class ClockState(Enum):
    """Whether there is a due time, and if not why."""

    RUNNING = "running"
    PAUSED = "paused"
    AWAITING_SUPPLEMENT = "awaiting_supplement"
    NO_LIMIT = "no_limit"


class _Count(NamedTuple):
    """One count in instants: what `deadline` found and the explanation tells."""

    calendar: Calendar
    rules: RuleSet
    limit: Limit
    received: int
    origin: int
    start: int
    unpaused: int
    counted: int
    due: int
    pauses: Pauses
    paused: bool
    reappointed: bool


@dataclass(frozen=True)
class Deadline:
    """A due time and everything it was counted from.

    `due_at` is None unless `state` is RUNNING; `started_at` is the working second from which the limit runs (None while
    it has no start); `standing_due_at` is the due time as it would be if an open pause ended at once.
    """

    state: ClockState
    due_at: datetime | None
    started_at: datetime | None
    standing_due_at: datetime | None
    _count: _Count

    @cached_property
    def explanation(self) -> Explanation:
        """Every stretch from receipt to the due time, in order; built when first asked for."""
        return _explain(self.state, self._count)


def deadline(
    calendar: Calendar,
    rules: RuleSet,
    limit: Limit,
    received_at: datetime,
    intervals: Iterable[Interval] = (),
    supplement_clock: SupplementClock | None = None,
    reappointment: Reappointment | None = None,
) -> Deadline:
    """When a dossier received at `received_at` is due, and why.

    `intervals` may come in any order and overlap; `supplement_clock` None means the default of the rule set. Raises
    CalendarError when the calendar cannot answer and NaiveTime when a moment has no offset.
    """
    model, intervals = supplement_clock or rules.supplement_clock, tuple(intervals)
    received = instant(received_at)
    origin = received if model is SupplementClock.PAUSE else _restarted(received, intervals)
    if limit.kind is LimitKind.NONE or origin is None:
        return _without_due(calendar, rules, limit, received)
    count = _count(calendar, rules, limit, received, origin, unite(intervals, origin), reappointment)
    due = moment(count.due)
    return Deadline(
        state=ClockState.PAUSED if count.paused else ClockState.RUNNING,
        due_at=None if count.paused else due,
        started_at=moment(count.start),
        standing_due_at=due,
        _count=count,
    )


def _without_due(calendar: Calendar, rules: RuleSet, limit: Limit, received: int) -> Deadline:
    state = ClockState.NO_LIMIT if limit.kind is LimitKind.NONE else ClockState.AWAITING_SUPPLEMENT
    times = (received,) * 6
    return Deadline(state, None, None, None, _Count(calendar, rules, limit, *times, NO_PAUSES, False, False))


def _restarted(received: int, intervals: Iterable[Interval]) -> int | None:
    """Where the limit starts from zero (NĐ 61/2018, art. 19(4)): the last supplement that came in, None while one is
    awaited."""
    origin = received
    for interval in intervals:
        if interval.kind is IntervalKind.SUPPLEMENT:
            if interval.ended_at is None:
                return None
            origin = max(origin, instant(interval.ended_at))
    return origin


def _count(
    calendar: Calendar,
    rules: RuleSet,
    limit: Limit,
    received: int,
    origin: int,
    pauses: Pauses,
    reappointment: Reappointment | None,
) -> _Count:
    start, hour_kept = calendar.next_working(origin), keeps_hour(limit)
    unpaused = counted = add(calendar, limit, start)
    standing = pauses.closed
    agreed = None if reappointment is None else instant(reappointment.agreed_at)
    reappointed = agreed is not None and agreed >= origin
    if reappointment is not None and agreed is not None and reappointed:
        counted = push_back(calendar, unpaused, (pause for pause in standing if pause.start < agreed), hour_kept)
        promised = max(counted, calendar.next_working(instant(reappointment.due_at)))
        standing, hour_kept = tuple(pause for pause in standing if pause.start >= agreed), True
        due, paused = _pushed(calendar, promised, standing, pauses.opened, hour_kept)
    else:
        counted, paused = _pushed(calendar, unpaused, standing, pauses.opened, hour_kept)
        due = counted
    return _Count(calendar, rules, limit, received, origin, start, unpaused, counted, due, pauses, paused, reappointed)


def _pushed(
    calendar: Calendar, due: int, closed: tuple[Pause, ...], opened: Pause | None, hour_kept: bool
) -> tuple[int, bool]:
    """The due time after the closed pauses, and whether the open one stops it: whether its first working second would
    move it."""
    pushed = push_back(calendar, due, closed, hour_kept)
    if opened is None:
        return pushed, False
    second = opened._replace(end=calendar.after_work(opened.start, 1))
    return pushed, push_back(calendar, due, (*closed, second), hour_kept) != pushed


def _explain(state: ClockState, count: _Count) -> Explanation:
    if state is ClockState.NO_LIMIT:
        return Explanation(Scale.DAYS, 0, ())
    if state is ClockState.AWAITING_SUPPLEMENT:
        return Explanation(Scale.DAYS, 0, (_restart_entry(count, None),))
    opened = count.pauses.opened if count.paused else None
    stop = count.due if opened is None else opened.start
    in_days = _counts_days(count.limit) and count.counted == count.unpaused <= stop
    entries = tuple(_entries(count, stop, in_days))
    if opened is not None:
        entries += (paused_entry(stop, None, opened.kind),)
    if in_days:
        return Explanation(Scale.DAYS, _days(count.limit), entries)
    return Explanation(Scale.SECONDS, count.calendar.work_between(count.start, count.unpaused), entries)


def _entries(count: _Count, stop: int, in_days: bool) -> Iterator[Entry]:
    """From receipt to `stop`: the annulled time, the wait for an opening, the limit, the re-appointment."""
    if count.received < count.origin:
        yield _restart_entry(count, count.origin)
    started, reached = min(count.start, stop), min(count.counted, stop)
    yield from by_seconds(count.calendar, count.origin, started, ())
    if in_days:
        calendar_days = count.limit.count if count.limit.kind is LimitKind.CALENDAR_DAYS else None
        yield from by_days(count.calendar, count.start, reached, calendar_days)
    else:
        yield from by_seconds(count.calendar, started, reached, count.pauses.closed)
    if count.reappointed and reached < stop:
        article = count.rules.article(Rule.REAPPOINTMENT_ONCE)
        yield Entry(reached, stop, 0, Why.REAPPOINTED, f"Hẹn lại ngày trả kết quả ({article})")


def _restart_entry(count: _Count, end: int | None) -> Entry:
    text = "Thời hạn tính lại từ đầu khi nhận đủ hồ sơ" if end else "Chờ bổ sung hồ sơ; thời hạn sẽ tính lại từ đầu"
    return Entry(count.received, end, 0, Why.RESTARTED, f"{text} ({count.rules.article(Rule.SUPPLEMENT_RESTARTS)})")


def _counts_days(limit: Limit) -> bool:
    return limit.kind is not LimitKind.WORKING_HOURS and keeps_hour(limit)


def _days(limit: Limit) -> int:
    return limit.count // 2 if limit.kind is LimitKind.HALF_DAYS else limit.count

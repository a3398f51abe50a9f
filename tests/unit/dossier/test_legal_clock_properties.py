"""The legal clock against its laws, 1990 to 2100, for units with all kinds of hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dossier.calendars import unit_calendar
from dossier.domain.calendar import Calendar
from dossier.domain.clock import ClockState, Deadline, deadline
from dossier.domain.explanation import Scale
from dossier.domain.hours import Hours
from dossier.domain.instants import VIETNAM, instant, moment
from dossier.domain.law import LAW
from dossier.domain.limits import Interval, IntervalKind, Limit, SupplementClock
from dossier.domain.remaining import later, remaining

RULES = LAW.by_id("nd-61-2018")
EVEN_HOURS = (
    Hours.office(),
    Hours.office("08:00-12:00, 13:00-17:00"),
    Hours.office("06:00-09:00, 09:30-12:00, 14:00-16:30", {5: "06:00-09:00, 09:30-12:00, 14:00-16:30"}),
    Hours.office("00:00-08:00"),
)
"""Units whose working days are all equally long, so that a day is a number of hours."""
UNEVEN_HOURS = (
    Hours.office(exceptions={4: "07:00-11:00", 5: "08:00-10:00"}),
    Hours.office(exceptions={0: "", 2: "13:30-17:00", 6: "10:00-11:00"}),
    Hours.office("21:00-23:59", {3: "00:00-24:00"}),
)

law = settings(max_examples=100, deadline=None)
"""A busy machine is not a failure: no time limit for one example."""

even_calendars = st.sampled_from([unit_calendar(hours) for hours in EVEN_HOURS])
calendars = st.one_of(even_calendars, st.sampled_from([unit_calendar(hours) for hours in UNEVEN_HOURS]))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 3, 1)).map(
    lambda at: at.replace(tzinfo=VIETNAM, microsecond=0)
)
lengths = st.timedeltas(timedelta(0), timedelta(days=25)).map(
    lambda length: timedelta(seconds=length // timedelta(seconds=1))
)
kinds = st.sampled_from(IntervalKind)
limits = st.one_of(
    st.integers(1, 40).map(Limit.working_days),
    st.integers(1, 40).map(Limit.half_days),
    st.integers(1, 200).map(Limit.working_hours),
    st.integers(1, 60).map(Limit.calendar_days),
)
makers = st.sampled_from([Limit.working_days, Limit.half_days, Limit.working_hours, Limit.calendar_days])
gaps = st.lists(st.tuples(kinds, lengths, lengths), max_size=4)
Gaps = list[tuple[IntervalKind, timedelta, timedelta]]


def pauses(start: datetime, found: Gaps) -> list[Interval]:
    """Closed pauses that begin some time after a start and may overlap."""
    return [Interval(kind, start + begin, start + begin + length) for kind, begin, length in found]


def pausing(calendar: Calendar, limit: Limit, start: datetime, intervals: list[Interval]) -> Deadline:
    return deadline(calendar, RULES, limit, start, intervals, SupplementClock.PAUSE)


def due(calendar: Calendar, limit: Limit, start: datetime, intervals: list[Interval] | None = None) -> datetime:
    found = pausing(calendar, limit, start, intervals or []).due_at
    assert found is not None
    return found


@law
@given(calendars, makers, st.integers(1, 40), st.integers(1, 40), moments, gaps)
def test_more_time_never_means_earlier(
    calendar: Calendar, make: Callable[[int], Limit], less: int, more: int, start: datetime, found: Gaps
) -> None:
    less, more = sorted((less, more))
    intervals = pauses(start, found)
    assert due(calendar, make(less), start, intervals) <= due(calendar, make(more), start, intervals)


@law
@given(calendars, limits, moments, lengths, gaps)
def test_received_later_is_never_due_earlier(
    calendar: Calendar, limit: Limit, start: datetime, delay: timedelta, found: Gaps
) -> None:
    intervals = pauses(start + delay, found)
    assert due(calendar, limit, start, intervals) <= due(calendar, limit, start + delay, intervals)


@law
@given(calendars, limits, moments, gaps, st.tuples(kinds, lengths, lengths))
def test_another_pause_is_never_due_earlier(
    calendar: Calendar, limit: Limit, start: datetime, found: Gaps, more: tuple[IntervalKind, timedelta, timedelta]
) -> None:
    intervals = pauses(start, found)
    assert due(calendar, limit, start, intervals) <= due(calendar, limit, start, intervals + pauses(start, [more]))


@law
@given(calendars, limits, moments)
def test_it_is_due_after_receipt_and_no_pause_is_open(calendar: Calendar, limit: Limit, start: datetime) -> None:
    found = pausing(calendar, limit, start, [])
    assert found.state is ClockState.RUNNING
    assert found.due_at is not None
    assert found.started_at is not None
    assert start <= found.started_at < found.due_at
    assert calendar.next_working(instant(found.started_at)) == instant(found.started_at)


@law
@given(calendars, limits, moments, lengths, st.floats(0, 1), st.floats(0, 1))
def test_a_pause_in_closed_hours_costs_nothing(
    calendar: Calendar, limit: Limit, start: datetime, later_by: timedelta, one: float, other: float
) -> None:
    opening = calendar.next_working(instant(start + later_by))
    assume(opening > instant(start + later_by))
    closed = opening - instant(start + later_by)
    begin, end = sorted(
        (instant(start + later_by) + int(closed * one), instant(start + later_by) + int(closed * other))
    )
    pause = Interval(IntervalKind.SUPPLEMENT, moment(begin), moment(end))
    without, with_pause = pausing(calendar, limit, start, []), pausing(calendar, limit, start, [pause])
    assert with_pause.due_at == without.due_at
    assert with_pause.explanation == without.explanation


@law
@given(calendars, limits, moments, lengths, lengths, gaps)
def test_restart_equals_a_new_start(
    calendar: Calendar, limit: Limit, start: datetime, begin: timedelta, length: timedelta, found: Gaps
) -> None:
    supplement = Interval(IntervalKind.SUPPLEMENT, start + begin, start + begin + length)
    others = [each for each in pauses(start, found) if each.kind is not IntervalKind.SUPPLEMENT]
    restarted = deadline(calendar, RULES, limit, start, [supplement, *others], SupplementClock.RESTART)
    anew = deadline(calendar, RULES, limit, start + begin + length, others, SupplementClock.RESTART)
    assert restarted.due_at == anew.due_at
    told = restarted.explanation.entries if begin + length == timedelta(0) else restarted.explanation.entries[1:]
    assert told == anew.explanation.entries


@law
@given(calendars, limits, moments, gaps, st.randoms(use_true_random=False))
def test_the_order_of_pauses_does_not_matter(
    calendar: Calendar, limit: Limit, start: datetime, found: Gaps, random: Random
) -> None:
    intervals = pauses(start, found)
    shuffled = list(intervals)
    random.shuffle(shuffled)
    one, other = pausing(calendar, limit, start, intervals), pausing(calendar, limit, start, shuffled)
    assert (one.due_at, one.explanation) == (other.due_at, other.explanation)


@law
@given(calendars, limits, moments, st.tuples(kinds, lengths, lengths), st.floats(0, 1), st.floats(0, 1))
def test_overlapping_or_touching_pauses_count_once(
    calendar: Calendar,
    limit: Limit,
    start: datetime,
    found: tuple[IntervalKind, timedelta, timedelta],
    one: float,
    two: float,
) -> None:
    kind, begin, length = found
    first, last = start + begin, start + begin + length
    low, high = sorted((one, two))
    cut, join = (first + timedelta(seconds=int(length.total_seconds() * share)) for share in (low, high))
    whole = due(calendar, limit, start, [Interval(kind, first, last)])
    assert (
        due(calendar, limit, start, [Interval(kind, first, join), Interval(IntervalKind.PAYMENT, cut, last)]) == whole
    )


@law
@given(calendars, limits, moments, gaps)
def test_the_explanation_is_gapless_and_sums_to_the_limit(
    calendar: Calendar, limit: Limit, start: datetime, found: Gaps
) -> None:
    answer = pausing(calendar, limit, start, pauses(start, found))
    told = answer.explanation
    assert told.counted == told.total
    edges = [start, *(entry.ends_at for entry in told.entries)]
    assert [entry.starts_at for entry in told.entries] == edges[:-1]
    assert edges[-1] == answer.due_at
    if told.scale is Scale.SECONDS:
        counted = [entry for entry in told.entries if entry.counted]
        assert all(entry.end is not None and entry.counted == entry.end - entry.start for entry in counted)
        assert all(
            calendar.work_between(entry.start, entry.start + entry.counted) == entry.counted for entry in counted
        )
    else:
        assert told.total == (limit.count // 2 if limit == Limit.half_days(limit.count) else limit.count)


@law
@given(calendars, limits, moments, gaps, lengths)
def test_the_explanation_of_a_standing_clock_ends_where_it_stopped(
    calendar: Calendar, limit: Limit, start: datetime, found: Gaps, stopped: timedelta
) -> None:
    opened = Interval(IntervalKind.PAYMENT, start + stopped)
    answer = pausing(calendar, limit, start, [*pauses(start, found), opened])
    if answer.state is ClockState.PAUSED:
        told = answer.explanation
        assert (told.entries[-1].starts_at, told.entries[-1].end) == (opened.started_at, None)
        assert told.counted <= told.total
        before = [pause for pause in pauses(start, found) if pause.started_at < opened.started_at]
        cut = [
            Interval(each.kind, each.started_at, min(each.ended_at or opened.started_at, opened.started_at))
            for each in before
        ]
        assert answer.standing_due_at == due(calendar, limit, start, cut)
    else:
        assert answer.due_at == due(calendar, limit, start, pauses(start, found))


@law
@given(even_calendars, st.integers(1, 40), moments, gaps)
def test_where_days_are_equal_a_day_limit_is_the_same_working_time_as_its_hours(
    calendar: Calendar, count: int, start: datetime, found: Gaps
) -> None:
    day = calendar.working_day_from(instant(start) // 86_400).seconds // 3600
    intervals = pauses(start, found)
    by_days = instant(due(calendar, Limit.working_days(count), start, intervals))
    by_hours = instant(due(calendar, Limit.working_hours(count * day), start, intervals))
    assert by_hours <= by_days
    assert calendar.work_between(by_hours, by_days) == 0 or intervals
    halves = instant(due(calendar, Limit.half_days(2 * count), start, intervals))
    assert halves == by_days


@law
@given(calendars, moments, st.integers(1, 30), st.integers(1, 30))
def test_days_add_up_where_the_hour_is_kept(calendar: Calendar, start: datetime, first: int, second: int) -> None:
    mark = due(calendar, Limit.working_days(first), start)
    opened = moment(calendar.next_working(instant(start)))
    assume(mark.time() == opened.time() and calendar.next_working(instant(mark)) == instant(mark))
    assert due(calendar, Limit.working_days(second), mark) == due(calendar, Limit.working_days(first + second), start)


@law
@given(calendars, moments, lengths)
def test_remaining_is_the_inverse_of_adding(calendar: Calendar, now: datetime, length: timedelta) -> None:
    target = now + length
    left = remaining(calendar, target, now)
    for days, seconds in ((left.days, left.rest_seconds), (0, left.seconds)):
        found = instant(later(calendar, now, days, seconds))
        first, last = sorted((found, instant(target)))
        assert calendar.work_between(first, last) == 0


@law
@given(calendars, st.integers(1, 40), moments)
def test_remaining_at_the_start_is_the_limit(calendar: Calendar, days: int, start: datetime) -> None:
    left = remaining(calendar, due(calendar, Limit.working_days(days), start), start)
    assert (left.overdue, left.days, left.rest_seconds) == (False, days, 0)


@law
@given(st.sampled_from(EVEN_HOURS), st.sampled_from(UNEVEN_HOURS), limits, moments, gaps)
def test_a_unit_counts_the_same_whoever_counts_beside_it(
    one: Hours, other: Hours, limit: Limit, start: datetime, found: Gaps
) -> None:
    intervals = pauses(start, found)
    alone = due(unit_calendar(one), limit, start, intervals)
    first, second = unit_calendar(one), unit_calendar(other)
    due(second, limit, start, intervals)
    assert due(first, limit, start, intervals) == alone

"""The legal clock against an oracle that looks at one minute after the other and knows nothing of the clock's arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from dossier.calendars import public_holidays
from dossier.domain.calendar import Calendar, Override
from dossier.domain.clock import deadline
from dossier.domain.hours import Hours, Window
from dossier.domain.instants import VIETNAM
from dossier.domain.law import LAW
from dossier.domain.limits import Interval, IntervalKind, Limit, SupplementClock

MINUTE = timedelta(minutes=1)
ORACLE_HOURS = {
    (0, 1, 2, 3, 4): ((7 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60)),
    (0, 1, 2, 3, 4, 5): ((8 * 60, 12 * 60), (13 * 60, 17 * 60)),
}
Overrides = dict[date, bool]


@cache
def open_minutes(windows: tuple[tuple[int, int], ...]) -> frozenset[int]:
    return frozenset(minute for opens, closes in windows for minute in range(opens, closes))


class Oracle:
    """Working minutes of a unit whose working days all have eight hours, and pauses, minute by minute."""

    def __init__(self, weekdays: tuple[int, ...], overrides: Overrides, found: list[tuple[datetime, datetime]]) -> None:
        self.weekdays, self.overrides, self.pauses = weekdays, overrides, found
        self.minutes = open_minutes(ORACLE_HOURS[weekdays])
        self.public = public_holidays()

    def works(self, day: date) -> bool:
        if day in self.overrides:
            return self.overrides[day]
        if day in self.public.make_up_days:
            return True
        return day not in self.public.days_off and day.weekday() in self.weekdays

    def working(self, at: datetime) -> bool:
        return at.hour * 60 + at.minute in self.minutes and self.works(at.date())

    def paused(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.pauses)

    def next_working(self, at: datetime) -> datetime:
        while not self.working(at):
            at += MINUTE
        return at

    def count(self, start: datetime, minutes: int) -> datetime:
        """The end of the minutes-th working minute outside every pause."""
        at = start
        while minutes:
            minutes -= self.working(at) and not self.paused(at)
            at += MINUTE
        return at

    def kept(self, at: datetime) -> datetime:
        """The first working minute from there on, unless a pause that began before it covers it."""
        while not self.working(at) or (self.paused(at) and self.paused(at - MINUTE)):
            at += MINUTE
        return at

    def due(self, limit: Limit, received: datetime) -> datetime:
        start = self.next_working(received)
        if limit == Limit.working_hours(limit.count):
            return self.count(start, limit.count * 60)
        if limit == Limit.half_days(limit.count) and limit.count % 2:
            return self.count(start, limit.count * 240)
        if limit == Limit.calendar_days(limit.count):
            unpaused = self.next_working(start + timedelta(days=limit.count))
            return self.kept(self.count(start, sum(map(self.working, minutes_between(start, unpaused)))))
        days = limit.count if limit == Limit.working_days(limit.count) else limit.count // 2
        return self.kept(self.count(start, days * 480))


def minutes_between(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += MINUTE


moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 3, 1)).map(
    lambda at: at.replace(tzinfo=VIETNAM, second=0, microsecond=0)
)
small_limits = st.one_of(
    st.integers(1, 7).map(Limit.working_days),
    st.integers(1, 9).map(Limit.half_days),
    st.integers(1, 40).map(Limit.working_hours),
    st.integers(1, 12).map(Limit.calendar_days),
)
quarters = st.integers(0, 12 * 96).map(lambda quarter: timedelta(minutes=15 * quarter))
near_days = st.dictionaries(st.integers(-1, 25), st.booleans(), max_size=6)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(ORACLE_HOURS)),
    small_limits,
    moments,
    st.lists(st.tuples(quarters, quarters), max_size=3),
    near_days,
)
def test_the_clock_agrees_with_the_minute_by_minute_oracle(
    weekdays: tuple[int, ...],
    limit: Limit,
    received: datetime,
    found: list[tuple[timedelta, timedelta]],
    near: dict[int, bool],
) -> None:
    start = received.replace(minute=received.minute // 15 * 15)
    times = [(start + begin, start + begin + length) for begin, length in found]
    changed = {received.date() + timedelta(days=offset): works for offset, works in near.items()}
    windows = tuple(Window(opens * 60, closes * 60) for opens, closes in ORACLE_HOURS[weekdays])
    mon, tue, wed, thu, fri, sat, sun = (windows if day in weekdays else () for day in range(7))
    calendar = Calendar(
        Hours((mon, tue, wed, thu, fri, sat, sun), windows),
        public_holidays().days_off,
        public_holidays().make_up_days,
        {day: Override(works, "Theo quyết định của tỉnh") for day, works in changed.items()},
    )
    intervals = [Interval(IntervalKind.SUPPLEMENT, begin, end) for begin, end in times]
    counted = [(begin, end) for begin, end in ((max(begin, received), end) for begin, end in times) if begin < end]
    found_due = deadline(calendar, LAW.by_id("nd-61-2018"), limit, received, intervals, SupplementClock.PAUSE).due_at
    assert found_due == Oracle(weekdays, changed, counted).due(limit, received)

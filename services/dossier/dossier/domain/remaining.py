"""What is left of a deadline in working days and working hours, the inverse of adding: exact, signed, and never a guess
by 24 hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dossier.domain.calendar import Calendar
from dossier.domain.counting import day_mark
from dossier.domain.instants import SECONDS_PER_DAY, SECONDS_PER_HOUR, instant, moment


@dataclass(frozen=True)
class Remaining:
    """Working time between now and the due time, twice: as `seconds` alone, and as whole working `days` plus
    `rest_seconds`.

    Both are amounts; `overdue` tells the direction.
    """

    overdue: bool
    seconds: int
    days: int
    rest_seconds: int

    @property
    def text(self) -> str:
        """As people read it: `còn 2 ngày 3 giờ 30 phút làm việc (19 giờ 30 phút)`."""
        days = f"{self.days} ngày" if self.days else ""
        rest = _hours(self.rest_seconds) if self.rest_seconds or not self.days else ""
        amount = f"{days} {rest}".strip()
        hours = f" ({_hours(self.seconds)})" if self.days else ""
        return f"{'quá hạn' if self.overdue else 'còn'} {amount} làm việc{hours}"


def remaining(calendar: Calendar, due_at: datetime, now: datetime) -> Remaining:
    """Working time from now to the due time, or from the due time to now once it has passed.

    `later(calendar, now, days, rest_seconds)` gives the due time back, and `later(calendar, now, 0, seconds)` too, up
    to closed time: two instants without working time between them are one to the clock.
    """
    due, current = instant(due_at), instant(now)
    overdue = current > due
    start, end = (due, current) if overdue else (current, due)
    start = calendar.next_working(start)
    days = _whole_days(calendar, start, end)
    rest = calendar.work_between(day_mark(calendar, start, days), end)
    return Remaining(overdue, calendar.work_between(start, end), days, rest)


def later(calendar: Calendar, now: datetime, days: int, rest_seconds: int) -> datetime:
    """That many working days with the hour kept, and then working seconds, after now."""
    mark = day_mark(calendar, calendar.next_working(instant(now)), days)
    return moment(calendar.after_work(mark, rest_seconds))


def _whole_days(calendar: Calendar, start: int, end: int) -> int:
    """The largest number of working days that, added to a working instant, does not pass `end`."""
    first, last = start // SECONDS_PER_DAY, end // SECONDS_PER_DAY
    days = sum(1 for ordinal in range(first + 1, last + 1) if calendar.day(ordinal).windows)
    return days - 1 if days and day_mark(calendar, start, days) > end else days


def _hours(seconds: int) -> str:
    hours, minutes = seconds // SECONDS_PER_HOUR, seconds % SECONDS_PER_HOUR // 60
    if hours and minutes:
        return f"{hours} giờ {minutes} phút"
    return f"{minutes} phút" if minutes else f"{hours} giờ"

"""The working calendar of one unit: which days it works, in which windows, and why a day is off.

Precedence of a day, highest first: the override table, a make-up working day, a public holiday, the weekday's hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from dossier.domain.hours import Hours, Windows, check_windows
from dossier.domain.instants import SECONDS_PER_DAY

MAX_DAYS_CLOSED = 400
"""A unit that does not open for longer than this has no working time to count with."""

_WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")


class CalendarError(ValueError):
    """The calendar cannot answer: it is not a fault of the dossier, and the text says what to add."""


class CalendarNotKnown(CalendarError):
    """A day outside the years for which the unit's holidays are known."""


class NoWorkingTime(CalendarError):
    """The unit does not open for more than MAX_DAYS_CLOSED days on end."""


class DayKind(Enum):
    """Why a day is worked or not."""

    WORKING = "working"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    DAY_OFF = "day_off"
    OVERRIDE_WORKING = "override_working"


class Day(NamedTuple):
    """One judged day: its windows (none when off), their length in seconds, and the reason people read."""

    ordinal: int
    kind: DayKind
    reason: str
    windows: Windows
    seconds: int


@dataclass(frozen=True)
class Override:
    """A row of the override table, which wins over everything else: a day off or a working day, with its reason in
    Vietnamese.

    `windows` sets the hours of that one day (an afternoon off); without them a working day has the unit's usual hours,
    or those of a make-up day where the weekday has none.
    """

    works: bool
    reason: str
    windows: Windows | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise CalendarError("Ngày thay đổi lịch phải có lý do")
        if self.windows is not None and (not self.works or not check_windows(self.windows)):
            raise CalendarError("Chỉ ngày làm việc mới có giờ làm việc riêng")


def _none() -> Mapping[date, str]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Calendar:
    """The working calendar of one unit; days are judged once and kept in the calendar itself, so units share no state.

    `holidays` and `make_up_days` map a date to its name or reason in Vietnamese; `overrides` wins over both. A day
    outside `first_day` to `last_day` raises CalendarNotKnown: a date promised without its holidays known would be a
    guess.
    """

    hours: Hours
    holidays: Mapping[date, str] = field(default_factory=_none, repr=False)
    make_up_days: Mapping[date, str] = field(default_factory=_none, repr=False)
    overrides: Mapping[date, Override] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    first_day: date = date.min
    last_day: date = date.max
    _days: dict[int, Day] = field(default_factory=dict, init=False, repr=False, compare=False)

    def day(self, ordinal: int) -> Day:
        """The judged day of a proleptic ordinal."""
        day = self._days.get(ordinal)
        if day is None:
            day = self._days[ordinal] = self._judge(ordinal)
        return day

    def _judge(self, ordinal: int) -> Day:
        if not self.first_day.toordinal() <= ordinal <= self.last_day.toordinal():
            raise CalendarNotKnown(f"Lịch làm việc chỉ có từ {self.first_day:%d/%m/%Y} đến {self.last_day:%d/%m/%Y}")
        day = date.fromordinal(ordinal)
        kind, reason, open_in = self._kind(day)
        return Day(ordinal, kind, reason, open_in, sum(closes - opens for opens, closes in open_in))

    def _kind(self, day: date) -> tuple[DayKind, str, Windows]:
        usual, name = self.hours.week[day.weekday()], _WEEKDAYS[day.weekday()]
        override = self.overrides.get(day)
        if override is not None:
            if not override.works:
                return DayKind.DAY_OFF, override.reason, ()
            return DayKind.OVERRIDE_WORKING, override.reason, override.windows or usual or self.hours.make_up
        if day in self.make_up_days:
            return DayKind.MAKE_UP, self.make_up_days[day], self.hours.make_up
        if day in self.holidays:
            return DayKind.HOLIDAY, self.holidays[day], ()
        if not usual:
            return DayKind.WEEKEND, f"{name}, ngày nghỉ hằng tuần", ()
        return DayKind.WORKING, f"{name}, ngày làm việc", usual

    def working_day_from(self, ordinal: int) -> Day:
        """The first working day on or after an ordinal."""
        for candidate in range(ordinal, ordinal + MAX_DAYS_CLOSED):
            day = self.day(candidate)
            if day.windows:
                return day
        raise NoWorkingTime(f"Đơn vị không làm việc ngày nào trong {MAX_DAYS_CLOSED} ngày liền")

    def working_day_after(self, ordinal: int, count: int) -> Day:
        """The count-th working day after an ordinal, itself not counted."""
        day = self.day(ordinal)
        for _ in range(count):
            day = self.working_day_from(day.ordinal + 1)
        return day

    def next_working(self, at: int) -> int:
        """The instant itself inside a window; otherwise the next opening: lunch to the afternoon, evening to the next
        working day."""
        ordinal, second = divmod(at, SECONDS_PER_DAY)
        for opens, closes in self.day(ordinal).windows:
            if second < closes:
                return ordinal * SECONDS_PER_DAY + max(second, opens)
        day = self.working_day_from(ordinal + 1)
        return day.ordinal * SECONDS_PER_DAY + day.windows[0].opens

    def at_hour(self, day: Day, second: int) -> int:
        """That hour on a working day, kept inside it: before opening the opening, in a break the next opening, after
        hours the close."""
        for opens, closes in day.windows:
            if second < closes:
                return day.ordinal * SECONDS_PER_DAY + max(second, opens)
        return day.ordinal * SECONDS_PER_DAY + day.windows[-1].closes

    def work_between(self, start: int, end: int) -> int:
        """Working seconds in [start, end); 0 when end is not after start."""
        if end <= start:
            return 0
        first, from_second = divmod(start, SECONDS_PER_DAY)
        last, to_second = divmod(end, SECONDS_PER_DAY)
        worked = _worked(self.day(last), to_second) if to_second else 0
        for ordinal in range(first, last):
            worked += self.day(ordinal).seconds
        return worked - _worked(self.day(first), from_second)

    def after_work(self, start: int, seconds: int) -> int:
        """The earliest instant with that many working seconds since start: a full day's work from the opening ends at
        the close."""
        if seconds <= 0:
            return start
        ordinal, second = divmod(start, SECONDS_PER_DAY)
        left, day = seconds + _worked(self.day(ordinal), second), self.working_day_from(ordinal)
        while left > day.seconds:
            left -= day.seconds
            day = self.working_day_from(day.ordinal + 1)
        return day.ordinal * SECONDS_PER_DAY + _reach(day, left)


def _worked(day: Day, second: int) -> int:
    """Working seconds of a day before a second of it."""
    worked = 0
    for opens, closes in day.windows:
        if second <= opens:
            break
        worked += min(second, closes) - opens
    return worked


def _reach(day: Day, seconds: int) -> int:
    """The second of a day at which it has done that many seconds of work (at least one, at most all)."""
    for opens, closes in day.windows:
        if seconds <= closes - opens:
            return opens + seconds
        seconds -= closes - opens
    raise AssertionError("a day was asked for more work than it has")

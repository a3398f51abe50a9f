"""The explanation of a due time: every stretch from receipt to the due time once, in order, counted or skipped, and
why.

Two scales, so that the counted parts sum to the limit without a fraction: whole days where the law counts days (the
start day is not counted, each later day counts one), working seconds where a limit is hours or half days or a pause has
cut days into parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from dossier.domain.calendar import Calendar, Day, DayKind
from dossier.domain.instants import SECONDS_PER_DAY, moment
from dossier.domain.limits import IntervalKind


class Why(Enum):
    """Why a stretch is counted or skipped; the value goes over the wire."""

    WORKING = "working"
    MAKE_UP = "make_up"
    CALENDAR_DAY = "calendar_day"
    START_DAY = "start_day"
    BEFORE_OPENING = "before_opening"
    LUNCH = "lunch"
    AFTER_CLOSING = "after_closing"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    DAY_OFF = "day_off"
    MOVED = "moved_off_day_off"
    PAUSED_SUPPLEMENT = "paused_supplement"
    PAUSED_PAYMENT = "paused_payment"
    PAUSED_OTHER = "paused_other"
    RESTARTED = "restarted"
    REAPPOINTED = "reappointed"


class Scale(Enum):
    """What the counted parts are: `days` (working or calendar days, as the limit says) or working `seconds`."""

    DAYS = "days"
    SECONDS = "seconds"


class Entry(NamedTuple):
    """One stretch [start, end) in local instants; `counted` is on the scale of the explanation; an end of None is still
    open."""

    start: int
    end: int | None
    counted: int
    why: Why
    text: str

    @property
    def starts_at(self) -> datetime:
        """The aware local start."""
        return moment(self.start)

    @property
    def ends_at(self) -> datetime | None:
        """The aware local end, or None while the clock stands still."""
        return None if self.end is None else moment(self.end)


@dataclass(frozen=True)
class Explanation:
    """`total` is what the whole limit amounts to on `scale`; the counted parts sum to it once the due time is known."""

    scale: Scale
    total: int
    entries: tuple[Entry, ...]

    @property
    def counted(self) -> int:
        """What has been counted: `total`, or less while the clock stands still."""
        return sum(entry.counted for entry in self.entries)


class Pause(NamedTuple):
    """A cleaned pause: disjoint from the others and in order."""

    start: int
    end: int
    kind: IntervalKind


_OFF = {DayKind.WEEKEND: Why.WEEKEND, DayKind.HOLIDAY: Why.HOLIDAY, DayKind.DAY_OFF: Why.DAY_OFF}
_WORKED = (Why.WORKING, Why.MAKE_UP)
_MADE_UP = (DayKind.MAKE_UP, DayKind.OVERRIDE_WORKING)
_PAUSED = {
    IntervalKind.SUPPLEMENT: (Why.PAUSED_SUPPLEMENT, "Tạm dừng: chờ bổ sung hồ sơ"),
    IntervalKind.PAYMENT: (Why.PAUSED_PAYMENT, "Tạm dừng: chờ thực hiện nghĩa vụ tài chính"),
    IntervalKind.OTHER: (Why.PAUSED_OTHER, "Tạm dừng"),
}


def paused_entry(start: int, end: int | None, kind: IntervalKind) -> Entry:
    """A stretch in which the clock stands still."""
    why, text = _PAUSED[kind]
    return Entry(start, end, 0, why, text)


def by_seconds(calendar: Calendar, start: int, end: int, pauses: tuple[Pause, ...]) -> Iterator[Entry]:
    """Every part of every day in [start, end), working seconds counted except where paused."""
    for ordinal in range(start // SECONDS_PER_DAY, -(-end // SECONDS_PER_DAY)):
        for first, last, why, text in _parts(calendar.day(ordinal)):
            begin, finish = max(start, first), min(end, last)
            if begin < finish:
                whole = Entry(begin, finish, 0, why, text)
                yield from _cut(begin, finish, why, text, pauses) if why in _WORKED else (whole,)


def by_days(calendar: Calendar, start: int, end: int, calendar_days: int | None) -> Iterator[Entry]:
    """Whole days from a working instant to the due time: the start day 0, then 1 for each day counted, 0 for each day
    off.

    With `calendar_days` every day counts until that many have passed, and what follows is the move off a day off.
    """
    first = start // SECONDS_PER_DAY
    for ordinal in range(first, end // SECONDS_PER_DAY + 1):
        day = calendar.day(ordinal)
        begin, finish = max(start, ordinal * SECONDS_PER_DAY), min(end, (ordinal + 1) * SECONDS_PER_DAY)
        if ordinal == first:
            yield Entry(begin, finish, 0, Why.START_DAY, f"Ngày tiếp nhận không tính ({day.reason})")
        elif calendar_days is None:
            yield Entry(begin, finish, 1 if day.windows else 0, _why(day), day.reason)
        elif ordinal - first <= calendar_days:
            yield Entry(begin, finish, 1, Why.CALENDAR_DAY, f"Ngày thứ {ordinal - first} ({day.reason})")
        else:
            moved = f"Ngày cuối là ngày nghỉ, chuyển sang ngày làm việc tiếp theo ({day.reason})"
            yield Entry(begin, finish, 0, Why.MOVED if day.windows else _why(day), moved)


def _why(day: Day) -> Why:
    return _OFF.get(day.kind, Why.MAKE_UP if day.kind in _MADE_UP else Why.WORKING)


def _parts(day: Day) -> Iterator[tuple[int, int, Why, str]]:
    """The parts of one day from midnight to midnight, as instants."""
    midnight, why = day.ordinal * SECONDS_PER_DAY, _why(day)
    if not day.windows:
        yield midnight, midnight + SECONDS_PER_DAY, why, day.reason
        return
    closed = 0
    for opens, closes in day.windows:
        if closed < opens:
            rest = (Why.LUNCH, "Nghỉ trưa") if closed else (Why.BEFORE_OPENING, "Trước giờ làm việc")
            yield midnight + closed, midnight + opens, *rest
        yield midnight + opens, midnight + closes, why, day.reason
        closed = closes
    if closed < SECONDS_PER_DAY:
        yield midnight + closed, midnight + SECONDS_PER_DAY, Why.AFTER_CLOSING, "Sau giờ làm việc"


def _cut(start: int, end: int, why: Why, text: str, pauses: tuple[Pause, ...]) -> Iterator[Entry]:
    """A working stretch with the pauses cut out of it."""
    at = start
    for pause in pauses:
        if pause.end <= at or pause.start >= end:
            continue
        if at < pause.start:
            yield Entry(at, pause.start, pause.start - at, why, text)
        yield paused_entry(max(at, pause.start), min(end, pause.end), pause.kind)
        at = min(end, pause.end)
    if at < end:
        yield Entry(at, end, end - at, why, text)

"""The arithmetic of the legal clock in whole seconds: adding a limit to a start, uniting pauses, pushing a due time
back by them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dossier.domain.calendar import Calendar
from dossier.domain.explanation import Pause
from dossier.domain.instants import SECONDS_PER_DAY, SECONDS_PER_HOUR, instant
from dossier.domain.limits import Interval, Limit, LimitKind


class Pauses(NamedTuple):
    """The united pauses after a start: closed ones, disjoint and in order, and the open one if there is one."""

    closed: tuple[Pause, ...]
    opened: Pause | None


NO_PAUSES = Pauses((), None)


def add(calendar: Calendar, limit: Limit, start: int) -> int:
    """The due time of a limit from a working instant, without pauses; the semantics stand in the docstring of clock."""
    if limit.kind is LimitKind.WORKING_HOURS:
        return calendar.after_work(start, limit.count * SECONDS_PER_HOUR)
    if limit.kind is LimitKind.CALENDAR_DAYS:
        return calendar.next_working(start + limit.count * SECONDS_PER_DAY)
    whole, half = divmod(limit.count, 2) if limit.kind is LimitKind.HALF_DAYS else (limit.count, 0)
    mark = day_mark(calendar, start, whole)
    if not half:
        return mark
    day_after = day_mark(calendar, start, whole + 1)
    return max(mark, calendar.after_work(mark, (calendar.work_between(mark, day_after) + 1) // 2))


def day_mark(calendar: Calendar, start: int, days: int) -> int:
    """The hour of a working instant that many working days later, kept inside that day; `start` itself for none."""
    if days == 0:
        return start
    ordinal, second = divmod(start, SECONDS_PER_DAY)
    return calendar.at_hour(calendar.working_day_after(ordinal, days), second)


def keeps_hour(limit: Limit) -> bool:
    """Whether the due time is a working second (day limits) rather than the end of one (hours, an odd half day)."""
    if limit.kind is LimitKind.HALF_DAYS:
        return limit.count % 2 == 0
    return limit.kind is not LimitKind.WORKING_HOURS


def push_back(calendar: Calendar, due: int, pauses: Iterable[Pause], hour_kept: bool) -> int:
    """The due time moved by the working seconds of each pause that begins before it; pauses are disjoint and in order.

    Pauses that touch are one: the second began when the first did.
    """
    reached = None
    for pause in pauses:
        if pause.start >= due and pause.start != reached:
            break
        reached = pause.end
        lost = calendar.work_between(pause.start, pause.end)
        if lost:
            due = calendar.after_work(due, lost)
            due = calendar.next_working(due) if hour_kept else due
    return due


def unite(intervals: Iterable[Interval], start: int) -> Pauses:
    """The pauses from `start` on: overlaps taken once, the earlier reason kept, everything after an open pause dropped.

    A supplement that has moved the start lies before it, and so is no pause.
    """
    found = []
    still_open = None
    for interval in intervals:
        begin = max(start, instant(interval.started_at))
        if interval.ended_at is not None:
            found.append(Pause(begin, instant(interval.ended_at), interval.kind))
        elif still_open is None or (begin, interval.kind.value) < (still_open.start, still_open.kind.value):
            still_open = Pause(begin, begin, interval.kind)
    return Pauses(_disjoint(found, still_open), still_open) if found or still_open else NO_PAUSES


def _disjoint(found: list[Pause], still_open: Pause | None) -> tuple[Pause, ...]:
    """Closed pauses in order, each cut to begin after the one before it and to end where the open one begins."""
    united = []
    reached = 0
    for pause in sorted(found, key=lambda each: (each.start, each.end, each.kind.value)):
        begin = max(pause.start, reached)
        end = pause.end if still_open is None else min(pause.end, still_open.start)
        if begin < end:
            united.append(Pause(begin, end, pause.kind))
            reached = end
    return tuple(united)

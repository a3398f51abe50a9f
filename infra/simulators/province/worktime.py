"""When offices are open: what comes after so many working hours, and at what hours people file."""

from __future__ import annotations

import datetime
import functools
import random
from collections.abc import Container

import holidays

VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
WINDOWS = ((7 * 60, 11 * 60 + 30), (13 * 60 + 30, 17 * 60))
MINUTES_A_DAY = sum(end - start for start, end in WINDOWS)
ONLINE_HOURS = (6 * 60, 22 * 60)


@functools.cache
def _days_off(year: int) -> Container[datetime.date]:
    return frozenset(holidays.country_holidays("VN", years=year))


def works(day: datetime.date) -> bool:
    """Whether offices are open; make-up Saturdays are left to the real calendar."""
    return day.weekday() < 5 and day not in _days_off(day.year)


def at(day: datetime.date, minute: float) -> datetime.datetime:
    """A local time of a day, to the second."""
    midnight = datetime.datetime.combine(day, datetime.time(), VIETNAM)
    return midnight + datetime.timedelta(seconds=round(minute * 60))


def after(start: datetime.datetime, working_minutes: float) -> datetime.datetime:
    """The moment at which so many minutes of office hours have passed since `start`."""
    local = start.astimezone(VIETNAM)
    day, minute = local.date(), local.hour * 60 + local.minute + local.second / 60
    left = working_minutes
    while True:
        for opens, closes in WINDOWS if works(day) else ():
            begins = max(minute, opens)
            if begins < closes and left <= closes - begins:
                return at(day, begins + left)
            left -= max(0, closes - begins)
        day, minute = day + datetime.timedelta(1), 0


def days_after(start: datetime.datetime, working_days: float) -> datetime.datetime:
    """So many working days after `start`, the day of `start` not counted (as the legal clock counts)."""
    return after(start, working_days * MINUTES_A_DAY)


def filing_minute(rng: random.Random, in_office: bool) -> float:
    """A minute of the day at which somebody files: at the counter in office hours, online until late."""
    if not in_office:
        return rng.uniform(*ONLINE_HOURS)
    opens, closes = WINDOWS[0] if rng.random() < 0.6 else WINDOWS[1]
    return rng.triangular(opens + 5, closes - 5, opens + (closes - opens) * 0.4)

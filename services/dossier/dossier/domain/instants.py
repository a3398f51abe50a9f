"""Whole seconds of Vietnamese local time, the one scale on which the calendar and the clock do their arithmetic.

An instant is an int: the local date's proleptic ordinal times 86,400, plus the second of that day. Vietnam has kept
UTC+7 without summer time since 1975, so local seconds are real seconds and no float or time zone appears between entry
and exit.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
SECONDS_PER_DAY = 86_400
SECONDS_PER_HOUR = 3_600


class NaiveTime(ValueError):
    """A moment came without its UTC offset; the law's hour cannot be known from it."""


def instant(moment: datetime) -> int:
    """The instant of an aware moment; fractions of a second are dropped. NaiveTime when the moment has no offset."""
    if moment.tzinfo is not VIETNAM:
        if moment.utcoffset() is None:
            raise NaiveTime(f"{moment.isoformat()} has no UTC offset")
        moment = moment.astimezone(VIETNAM)
    return moment.toordinal() * SECONDS_PER_DAY + moment.hour * 3600 + moment.minute * 60 + moment.second


def moment(at: int) -> datetime:
    """The aware local moment of an instant."""
    ordinal, second = divmod(at, SECONDS_PER_DAY)
    day = date.fromordinal(ordinal)
    return datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60, tzinfo=VIETNAM)


def local_day(at: datetime) -> date:
    """The Vietnamese date of an aware moment: the day a dossier is numbered, judged and reported under."""
    return date.fromordinal(instant(at) // SECONDS_PER_DAY)

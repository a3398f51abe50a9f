"""Builds a unit's working calendar from the public holidays of the `holidays` library and the override rows of the
database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType

import holidays

from dossier.domain.calendar import Calendar, Override
from dossier.domain.hours import Hours, windows

FIRST_YEAR, LAST_YEAR = 1990, 2100
"""The years for which the library knows the lunar holidays."""

_SUBSTITUTED = re.compile(r"\(thay cho ngày (\d{2})/(\d{2})/(\d{4})\)")


@dataclass(frozen=True)
class OverrideRow:
    """One row of the override table: `works` False is a day off, True a working day; `hours` like `07:00-11:30` for
    that day alone."""

    day: date
    works: bool
    reason: str
    hours: str | None = None


@dataclass(frozen=True)
class PublicHolidays:
    """The holidays and make-up working days of a span of years, each with its name in Vietnamese; read-only, so units
    may share it."""

    first_year: int
    last_year: int
    days_off: Mapping[date, str]
    make_up_days: Mapping[date, str]


@lru_cache(maxsize=4)
def public_holidays(first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> PublicHolidays:
    """The public holidays of Vietnam, with the days off that replace them and the Saturdays worked for those
    (`weekend_workdays`)."""
    country = holidays.country_holidays("VN", language="vi", years=range(first_year, last_year + 1))
    days_off = dict(sorted(country.items()))
    worked_for = {}
    for day, name in days_off.items():
        if swapped := _SUBSTITUTED.search(name):
            worked_for[date(int(swapped[3]), int(swapped[2]), int(swapped[1]))] = day
    make_up = {
        day: f"Làm bù cho ngày {worked_for[day]:%d/%m/%Y}" if day in worked_for else "Ngày làm bù"
        for day in sorted(country.weekend_workdays)
        if first_year <= day.year <= last_year
    }
    return PublicHolidays(first_year, last_year, MappingProxyType(days_off), MappingProxyType(make_up))


def unit_calendar(
    hours: Hours | None = None, overrides: Iterable[OverrideRow] = (), public: PublicHolidays | None = None
) -> Calendar:
    """The calendar of one unit: its hours (07:00-11:30, 13:30-17:00 by default), the public holidays, and the overrides
    that win."""
    public = public or public_holidays()
    rows = {row.day: Override(row.works, row.reason, windows(row.hours) if row.hours else None) for row in overrides}
    return Calendar(
        hours=hours or Hours.office(),
        holidays=public.days_off,
        make_up_days=public.make_up_days,
        overrides=MappingProxyType(rows),
        first_day=date(public.first_year, 1, 1),
        last_day=date(public.last_year, 12, 31),
    )

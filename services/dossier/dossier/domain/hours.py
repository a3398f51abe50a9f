"""The working hours of one unit: for each weekday the windows in which it is open, with any number of breaks between
them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dossier.domain.instants import SECONDS_PER_DAY

OFFICE_HOURS = "07:00-11:30, 13:30-17:00"
"""The default day: eight working hours with a lunch break (the practice of provincial one-stop systems)."""

_WINDOW = re.compile(r"\s*(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)\s*\Z")


class BadHours(ValueError):
    """Working hours that overlap, run backwards, leave the day or cannot be read."""


class Window(NamedTuple):
    """One stretch of work, in seconds of the local day; the closing second itself is closed."""

    opens: int
    closes: int


Windows = tuple[Window, ...]


def windows(text: str) -> Windows:
    """Windows from `07:00-11:30, 13:30-17:00`; an empty text is a day off. BadHours when they cannot be kept."""
    return check_windows(tuple(_window(part) for part in text.split(",")) if text.strip() else ())


def check_windows(day: Sequence[Window]) -> Windows:
    """The windows as given, or BadHours: each opens before it closes, after the one before it, and inside the day."""
    earliest = 0
    for opens, closes in day:
        if not earliest <= opens < closes <= SECONDS_PER_DAY:
            raise BadHours("Giờ làm việc phải tăng dần, không chồng nhau và nằm trong một ngày")
        earliest = closes
    return tuple(day)


def _window(text: str) -> Window:
    match = _WINDOW.match(text)
    if match is None:
        raise BadHours(f"Giờ làm việc {text.strip()!r} không đọc được; mẫu đúng: {OFFICE_HOURS}")
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in match.groups())
    return Window(from_hour * 3600 + from_minute * 60, to_hour * 3600 + to_minute * 60)


@dataclass(frozen=True)
class Hours:
    """A unit's week, Monday first, and the windows of a make-up working day (ngày làm bù)."""

    week: tuple[Windows, Windows, Windows, Windows, Windows, Windows, Windows]
    make_up: Windows

    def __post_init__(self) -> None:
        for day in (*self.week, self.make_up):
            check_windows(day)
        if len(self.week) != 7 or not any(self.week) or not self.make_up:
            raise BadHours("Tuần làm việc phải có bảy ngày, ít nhất một ngày có giờ, và giờ cho ngày làm bù")

    @classmethod
    def office(cls, text: str = OFFICE_HOURS, exceptions: Mapping[int, str] | None = None) -> Hours:
        """The same windows Monday to Friday and on make-up days; `exceptions` sets single weekdays (0 is Monday)."""
        usual, changed = windows(text), exceptions or {}
        if not set(changed) <= set(range(7)):
            raise BadHours("Thứ trong tuần phải từ 0 (thứ Hai) đến 6 (Chủ nhật)")
        mon, tue, wed, thu, fri, sat, sun = (
            windows(changed[day]) if day in changed else usual if day < 5 else () for day in range(7)
        )
        return cls(week=(mon, tue, wed, thu, fri, sat, sun), make_up=usual)

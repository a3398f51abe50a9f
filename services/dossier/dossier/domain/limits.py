"""What the clock counts: the time limit of a procedure, the intervals it stands still, a re-appointment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class BadLimit(ValueError):
    """A limit, interval or re-appointment that cannot be counted."""


class LimitKind(Enum):
    """The five ways in which procedures state their time limit."""

    WORKING_DAYS = "working_days"
    HALF_DAYS = "half_days"
    WORKING_HOURS = "working_hours"
    CALENDAR_DAYS = "calendar_days"
    NONE = "none"


_LONGEST = {
    LimitKind.WORKING_DAYS: 2_500,
    LimitKind.HALF_DAYS: 5_000,
    LimitKind.WORKING_HOURS: 20_000,
    LimitKind.CALENDAR_DAYS: 3_650,
    LimitKind.NONE: 0,
}
_UNITS = {
    LimitKind.WORKING_DAYS: "ngày làm việc",
    LimitKind.WORKING_HOURS: "giờ làm việc",
    LimitKind.CALENDAR_DAYS: "ngày",
}


@dataclass(frozen=True)
class Limit:
    """A time limit: whole working days, half days (5 = 2,5 ngày), working hours, calendar days (ngày), or none
    (KhongCoNgayHenTra).

    Half days are a kind of their own so that a count is always an integer. About ten years is the longest that is
    accepted.
    """

    kind: LimitKind
    count: int = 0

    def __post_init__(self) -> None:
        if not min(1, _LONGEST[self.kind]) <= self.count <= _LONGEST[self.kind]:
            raise BadLimit(f"Thời hạn {self.count} {self.kind.value} ngoài khoảng cho phép (đến {_LONGEST[self.kind]})")

    @classmethod
    def working_days(cls, count: int) -> Limit:
        """`count` working days."""
        return cls(LimitKind.WORKING_DAYS, count)

    @classmethod
    def half_days(cls, count: int) -> Limit:
        """`count` halves of a working day."""
        return cls(LimitKind.HALF_DAYS, count)

    @classmethod
    def working_hours(cls, count: int) -> Limit:
        """`count` working hours."""
        return cls(LimitKind.WORKING_HOURS, count)

    @classmethod
    def calendar_days(cls, count: int) -> Limit:
        """`count` days, days off included."""
        return cls(LimitKind.CALENDAR_DAYS, count)

    @classmethod
    def none(cls) -> Limit:
        """No due date."""
        return cls(LimitKind.NONE)

    @property
    def text(self) -> str:
        """The limit as people read it: `2,5 ngày làm việc`."""
        if self.kind is LimitKind.HALF_DAYS:
            return f"{self.count // 2}{',5' if self.count % 2 else ''} ngày làm việc"
        unit = _UNITS.get(self.kind)
        return f"{self.count} {unit}" if unit else "không quy định thời hạn"


class SupplementClock(Enum):
    """What a supplement does to the time limit (domain practice knows both; 61/2018 says restart)."""

    RESTART = "restart"
    """The time limit starts from zero when the full dossier is in (NĐ 61/2018, art. 19(4); NĐ 118/2025, art. 19(5))."""
    PAUSE = "pause"
    """The new due time is the old one plus the working time spent waiting."""


class IntervalKind(Enum):
    """Why the clock stands still."""

    SUPPLEMENT = "supplement"
    PAYMENT = "payment"
    OTHER = "other"


@dataclass(frozen=True)
class Interval:
    """A stretch [started_at, ended_at) in which the clock stands still; without an end it still does."""

    kind: IntervalKind
    started_at: datetime
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.ended_at is not None and self.ended_at < self.started_at:
            raise BadLimit("Khoảng tạm dừng kết thúc trước khi bắt đầu")


@dataclass(frozen=True)
class Reappointment:
    """A new date promised in a letter of apology (NĐ 61/2018, art. 19(9)): `due_at` takes the place of the counted one
    from `agreed_at`."""

    agreed_at: datetime
    due_at: datetime

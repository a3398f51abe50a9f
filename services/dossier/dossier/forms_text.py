"""How printed forms say things: dates, limits, places, in Vietnamese."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit, LimitKind

_PLACE = re.compile(
    r"(?:Ủy|Uỷ) ban nhân dân (tỉnh|thành phố|huyện|thị xã|quận|xã|phường|thị trấn|đặc khu) (.+)", re.IGNORECASE
)


def place(line: Iterable[str]) -> str | None:
    """The place in front of the date: the name of the administrative unit whose committee it is, or the nearest above.

    NĐ 30/2020/NĐ-CP, annex I: the name alone, but with its class where the name is a number (Phường 1).
    """
    for name in line:
        if found := _PLACE.fullmatch(name.strip()):
            kind, proper = found.groups()
            return f"{kind.capitalize()} {proper}" if proper.isdigit() else proper
    return None


def agency(name: str) -> list[str]:
    """An agency's name on the lines of a heading: a people's committee stands above the place that it governs."""
    found = _PLACE.fullmatch(name.strip())
    return [name.strip()] if found is None else [name.strip()[: found.start(1)].strip(), name.strip()[found.start(1) :]]


def limit_text(limit: Limit) -> str:
    """A limit as the form says it: `10 ngày làm việc`, `2,5 ngày làm việc`."""
    match limit.kind:
        case LimitKind.NONE:
            return "không quy định"
        case LimitKind.HALF_DAYS:
            return f"{limit.count / 2:g} ngày làm việc".replace(".", ",")
        case LimitKind.WORKING_HOURS:
            return f"{limit.count:02} giờ làm việc"
        case LimitKind.CALENDAR_DAYS:
            return f"{limit.count:02} ngày"
        case LimitKind.WORKING_DAYS:
            return f"{limit.count:02} ngày làm việc"


def paragraphs(text: str) -> list[str]:
    """What people wrote, by its lines."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def moment_of(text: str) -> datetime.datetime:
    """A time of the history."""
    return datetime.datetime.fromisoformat(text)


def day(at: datetime.datetime | datetime.date) -> str:
    """`23/11/2026`, local."""
    return f"{_local(at):%d/%m/%Y}"


def long_day(at: datetime.datetime | datetime.date) -> str:
    """`ngày 23 tháng 11 năm 2026`; days below 10 and months below 3 with a zero (NĐ 30/2020/NĐ-CP, annex I)."""
    local = _local(at)
    month = f"{local.month:02}" if local.month < 3 else str(local.month)
    return f"ngày {local.day:02} tháng {month} năm {local.year}"


def hour(at: datetime.datetime) -> str:
    """`08 giờ 30 phút, ngày 23 tháng 11 năm 2026`."""
    return f"{at.astimezone(VIETNAM):%H giờ %M phút}, {long_day(at)}"


def _local(at: datetime.datetime | datetime.date) -> datetime.date:
    return at.astimezone(VIETNAM) if isinstance(at, datetime.datetime) else at

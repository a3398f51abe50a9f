"""The days on which a unit, or everybody, does not keep the usual calendar: each change is audited and orders the
recounting of the open dossiers concerned, in the same transaction."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from chassis import audit
from chassis.database import Tx
from chassis.problems import Problem
from dossier import recompute_store
from dossier.calendars import FIRST_YEAR, LAST_YEAR
from dossier.domain.hours import BadHours, windows

MOST_DAYS = 60
"""The longest stretch that one call enters: the Tết holiday of a year with room to spare."""
COLUMNS = "id, day, unit, works, reason, hours, version"
LIST = f"""
SELECT {COLUMNS} FROM calendar_override
WHERE (day, id) > (%(after_day)s, %(after_id)s) AND (%(since)s::date IS NULL OR day >= %(since)s)
AND (%(until)s::date IS NULL OR day <= %(until)s)
AND (%(unit)s::text IS NULL OR unit IS NULL OR unit = %(unit)s) ORDER BY day, id LIMIT %(limit)s
"""
FIND = f"SELECT {COLUMNS} FROM calendar_override WHERE id = %(id)s"
ADD = f"""
INSERT INTO calendar_override (day, unit, works, reason, hours)
VALUES (%(day)s, %(unit)s, %(works)s, %(reason)s, %(hours)s) ON CONFLICT (day, unit) DO NOTHING RETURNING {COLUMNS}
"""
CHANGE = f"""
UPDATE calendar_override SET works = %(works)s, reason = %(reason)s, hours = %(hours)s, version = version + 1
WHERE id = %(id)s RETURNING {COLUMNS}
"""
REMOVE = "DELETE FROM calendar_override WHERE id = %(id)s"
UNIT = "SELECT code FROM unit WHERE code = %(unit)s OR legacy_code = %(unit)s"


@dataclasses.dataclass(frozen=True)
class Override:
    """One day; `unit` None: everybody. `recompute` is the recounting that the last change ordered."""

    id: int
    day: datetime.date
    unit: str | None
    works: bool
    reason: str
    hours: str | None
    version: int
    recompute: int | None = None


def page(tx: Tx, filters: dict[str, Any], after: tuple[str, int], limit: int) -> list[Override]:
    """Overrides after (day, id), in that order."""
    row = filters | {"after_day": after[0], "after_id": after[1], "limit": limit}
    return [Override(*found) for found in tx.exec_driver_sql(LIST, row)]


def find(tx: Tx, number: int, lock: bool = False) -> Override:
    """One override. Raises Problem 404."""
    row = tx.exec_driver_sql(FIND + (" FOR UPDATE" if lock else ""), {"id": number}).first()
    if row is None:
        raise Problem(404, "Not found", f"Không có ngày thay đổi lịch số {number}", code="no-such-override")
    return Override(*row)


def add(
    tx: Tx, first: datetime.date, last: datetime.date, unit: str | None, works: bool, reason: str, hours: str | None
) -> list[Override]:
    """Enter the days from first to last, and order one recounting for all of them. Raises Problem 422 where they cannot
    be counted with, 409 where the unit has one of them already."""
    if not first <= last < first + datetime.timedelta(days=MOST_DAYS):
        raise _wrong("last_day", f"is not within {MOST_DAYS} days of day")
    for each in (first, last):
        check(each, works, reason, hours)
    unit = _unit(tx, unit)
    days = [first + datetime.timedelta(days=after) for after in range((last - first).days + 1)]
    added = [_add_day(tx, {"day": day, "unit": unit, "works": works, "reason": reason, "hours": hours}) for day in days]
    number = recompute_store.order(tx, [unit] if unit else None, f"Lịch làm việc {_span(first, last)}: {reason}")
    return [dataclasses.replace(each, recompute=number) for each in added]


def _add_day(tx: Tx, row: dict[str, Any]) -> Override:
    added = tx.exec_driver_sql(ADD, row).first()
    if added is None:
        detail = f"Ngày {row['day']:%d/%m/%Y} đã có thay đổi lịch cho {row['unit'] or 'mọi đơn vị'}"
        raise Problem(409, "Conflict", detail, code="override-exists")
    override = Override(*added)
    _audit(tx, "add", None, override, row["reason"])
    return override


def change(tx: Tx, before: Override, works: bool, reason: str, hours: str | None) -> Override:
    """Change what a day is; a change that leaves everything as it is orders no recounting. Raises Problem 422."""
    check(before.day, works, reason, hours)
    if (works, reason, hours) == (before.works, before.reason, before.hours):
        return before
    row = {"id": before.id, "works": works, "reason": reason, "hours": hours}
    after = Override(*tx.exec_driver_sql(CHANGE, row).one())
    _audit(tx, "change", before, after, reason)
    return dataclasses.replace(after, recompute=_recount(tx, after, reason))


def remove(tx: Tx, before: Override, reason: str) -> Override:
    """Take a day out of the table: the usual calendar holds again."""
    tx.exec_driver_sql(REMOVE, {"id": before.id})
    _audit(tx, "remove", before, None, reason)
    return dataclasses.replace(before, recompute=_recount(tx, before, reason))


def _audit(tx: Tx, act: str, before: Override | None, after: Override | None, reason: str) -> None:
    number = after.id if after else before.id if before else 0
    states = [dataclasses.asdict(each) if each else {} for each in (before, after)]
    audit.record(tx, f"calendar.{act}", f"calendar_override/{number}", states[0], states[1] | {"why": reason})


def _recount(tx: Tx, override: Override, reason: str) -> int:
    units = [override.unit] if override.unit else None
    return recompute_store.order(tx, units, f"Lịch làm việc {_span(override.day, override.day)}: {reason}")


def _span(first: datetime.date, last: datetime.date) -> str:
    return f"ngày {first:%d/%m/%Y}" if first == last else f"từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}"


def _unit(tx: Tx, unit: str | None) -> str | None:
    if unit is None:
        return None
    row = tx.exec_driver_sql(UNIT, {"unit": unit}).first()
    if row is None:
        raise _wrong("unit", "is not in the catalogue")
    return str(row.code)


def check(day: datetime.date, works: bool, reason: str, hours: str | None) -> None:
    """What the calendar can count with, or Problem 422: a row that it refuses would refuse every act of the unit."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _wrong("day", f"is not between {FIRST_YEAR} and {LAST_YEAR}")
    if not reason.strip():
        raise _wrong("reason", "Ngày thay đổi lịch phải có lý do")
    if hours is None:
        return
    try:
        if not (windows(hours) and works):
            raise BadHours("Chỉ ngày làm việc mới có giờ làm việc riêng")
    except BadHours as error:
        raise _wrong("hours", str(error)) from None


def _wrong(field: str, rule: str) -> Problem:
    return Problem(422, "Unprocessable", errors=[{"field": field, "rule": rule}])

"""Blocks of dossier codes given out ahead, to desks that work without a connection; drawn from the numbers that live
filing draws from, so that no code is given twice."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from chassis import audit, context
from chassis.database import Tx
from dossier import store
from dossier.domain.codes import CodePattern
from dossier.domain.instants import local_day

CODES = CodePattern()
"""TT 01/2018/TT-VPCP, art. 19: a number within the unit and the day of receipt."""
MOST_CODES = 1000
DAYS_AHEAD = 31
MOST_NUMBER = 10**9
"""Beyond it a number in somebody else's code is no sequence of a day."""

DRAW = """
INSERT INTO dossier_code_counter AS c (unit, day, last) VALUES (%(unit)s, %(day)s, %(count)s)
ON CONFLICT (unit, day) DO UPDATE SET last = c.last + excluded.last RETURNING last
"""
ADD = """
INSERT INTO code_block (unit, day, first_number, last_number, reason, reserved_by)
VALUES (%(unit)s, %(day)s, %(first)s, %(last)s, %(reason)s, %(by)s) RETURNING id
"""
COLUMNS = """
id, unit, day, first_number, last_number, reason, reserved_by, reserved_at, last_number - first_number + 1 AS count
"""
OF_CODE = """
SELECT id FROM code_block
WHERE unit = %(unit)s AND day = %(day)s AND %(number)s BETWEEN first_number AND last_number FOR UPDATE
"""
# Locked in the order of their keys, as every other statement that locks many of them.
RAISE = """
INSERT INTO dossier_code_counter AS c (unit, day, last)
SELECT n.unit, n.day, max(n.number)
FROM unnest(%(units)s::text[], %(days)s::date[], %(numbers)s::bigint[]) AS n(unit, day, number)
GROUP BY n.unit, n.day ORDER BY n.unit, n.day
ON CONFLICT (unit, day) DO UPDATE SET last = greatest(c.last, excluded.last)
"""
AGENCIES = "SELECT code FROM unit WHERE code = ANY(%(codes)s)"
OF_CODES = """
SELECT n.code FROM unnest(%(codes)s::text[], %(units)s::text[], %(days)s::date[], %(numbers)s::bigint[])
                   AS n(code, unit, day, number)
JOIN code_block b ON (b.unit, b.day) = (n.unit, n.day) AND n.number BETWEEN b.first_number AND b.last_number
"""


class NotReserved(ValueError):
    """The code is of no block of that unit and day."""


class CodeTaken(ValueError):
    """A dossier has this code already."""


class BadDay(ValueError):
    """Codes are reserved for today and the days to come."""


def reserve(tx: Tx, unit: str, day: datetime.date, count: int, reason: str | None, today: datetime.date) -> Any:
    """Draw `count` numbers of a unit and local day at once; the counter stays locked until commit. Raises BadDay."""
    if not 0 <= (day - today).days <= DAYS_AHEAD:
        raise BadDay(f"Chỉ cấp dải mã cho hôm nay hoặc trong {DAYS_AHEAD} ngày tới")
    last = int(tx.exec_driver_sql(DRAW, {"unit": unit, "day": day, "count": count}).scalar_one())
    values = {"unit": unit, "day": day, "first": last - count + 1, "last": last, "reason": reason}
    block_id = tx.exec_driver_sql(ADD, values | {"by": context.current().caller.subject}).scalar_one()
    block = get(tx, block_id)
    audit.record(tx, "code_block.reserve", f"code_block/{block_id}", after=dict(block._mapping))
    return block


def get(tx: Tx, id: int) -> Any:
    """A block, or None."""
    return tx.exec_driver_sql(f"SELECT {COLUMNS} FROM code_block WHERE id = %(id)s", {"id": id}).first()


def listed(tx: Tx, units: Iterable[str] | None, day: datetime.date | None, before: int, limit: int) -> list[Any]:
    """The blocks of units (None: all), the newest first, from the one before `before` on."""
    text = f"""
        SELECT {COLUMNS} FROM code_block
        WHERE id < %(before)s AND (%(units)s::text[] IS NULL OR unit = ANY(%(units)s))
        AND (%(day)s::date IS NULL OR day = %(day)s) ORDER BY id DESC LIMIT %(limit)s
        """
    wanted = None if units is None else sorted(units)
    return list(tx.exec_driver_sql(text, {"units": wanted, "day": day, "before": before, "limit": limit}))


def codes(block: Any) -> list[str]:
    """Every code of a block, in order."""
    return [CODES.code(block.unit, block.day, n) for n in range(block.first_number, block.last_number + 1)]


def used(tx: Tx, block: Any) -> list[str]:
    """The codes of a block under which a dossier was received."""
    return sorted(row.code for row in tx.exec_driver_sql(
        "SELECT code FROM dossier WHERE code = ANY(%(codes)s)", {"codes": codes(block)}
    ))  # fmt: skip


def claim(tx: Tx, code: str, unit: str, day: datetime.date) -> str:
    """The code, where it is of a block of this unit and this day of receipt and no dossier has it; the block stays
    locked until commit. Raises NotReserved, CodeTaken."""
    parts = CODES.parse(code)
    if parts is None or parts.agency != unit or parts.received_on != day or parts.sequence >= MOST_NUMBER:
        raise NotReserved("Mã không thuộc dải mã đã cấp cho đơn vị trong ngày tiếp nhận")
    values = {"unit": unit, "day": day, "number": parts.sequence}
    if code != CODES.code(unit, day, parts.sequence) or tx.exec_driver_sql(OF_CODE, values).first() is None:
        raise NotReserved("Mã không thuộc dải mã đã cấp cho đơn vị trong ngày tiếp nhận")
    if store.exists(tx, code):
        raise CodeTaken("Mã này đã được dùng cho một hồ sơ khác")
    return code


def pass_by(tx: Tx, received: Sequence[tuple[str, str, datetime.datetime]], now: datetime.datetime) -> dict[str, str]:
    """Codes made elsewhere, as (code, unit, received at): numbering goes on after those of our own pattern.

    Returns what is wrong with a code: one of our own numbering names another unit than the dossier's, or another day.
    Only numbers of days on which codes may still be given out, or were reserved, can be confused with ours.
    """
    ours = _ours(tx, received)
    reserved = _reserved(tx, ours)
    recent = local_day(now) - datetime.timedelta(days=1)
    wrong, passed = {}, []
    for code, unit, day, agency, said, number in ours:
        if code not in reserved and said < recent:
            continue
        if number >= MOST_NUMBER:
            wrong[code] = "Số thứ tự trong mã hồ sơ quá lớn"
        elif agency != unit or said != day:
            wrong[code] = "Mã theo dải số của hệ thống này phải mang đúng đơn vị và ngày tiếp nhận của hồ sơ"
        elif code not in reserved:
            passed.append((agency, said, number))
    if passed:
        units, days, numbers = zip(*passed, strict=True)
        tx.exec_driver_sql(RAISE, {"units": list(units), "days": list(days), "numbers": list(numbers)})
    return wrong


Ours = tuple[str, str, datetime.date, str, datetime.date, int]


def _ours(tx: Tx, received: Sequence[tuple[str, str, datetime.datetime]]) -> list[Ours]:
    """(code, unit, day of receipt, agency, day, number) of the codes that are written as ours, of a unit there is."""
    found: list[Ours] = []
    for code, unit, at in received:
        parts = CODES.parse(code)
        if parts and parts.received_on:
            found.append((code, unit, local_day(at), parts.agency, parts.received_on, parts.sequence))
    agencies = sorted({each[3] for each in found})
    units = {row.code for row in tx.exec_driver_sql(AGENCIES, {"codes": agencies})} if agencies else set()
    return [each for each in found if each[3] in units]


def _reserved(tx: Tx, ours: Sequence[Ours]) -> set[str]:
    near = [each for each in ours if each[5] < MOST_NUMBER]
    if not near:
        return set()
    names = {"codes": 0, "units": 3, "days": 4, "numbers": 5}
    values = {name: [each[place] for each in near] for name, place in names.items()}
    return {row.code for row in tx.exec_driver_sql(OF_CODES, values)}

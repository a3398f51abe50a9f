"""SQL of the published catalogue: units and procedures, looked up and searched."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from chassis.database import Tx
from dossier.search_words import Sought

UNITS = """
SELECT code, legacy_code, name, level, parent, hours, valid_from, valid_to FROM unit u
WHERE valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)
"""
PROCEDURES = """
SELECT code, version, name, field_code, field_name, unit_levels, online_level, online_scope, limit_kind, limit_count,
       supplement_clock, supplement_within_days, on_the_spot, fee_vnd, steps, documents, result, valid_from, valid_to
FROM (SELECT DISTINCT ON (code) * FROM procedure
      WHERE valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s) ORDER BY code, version DESC) p
WHERE true
"""
FOUND = {
    "plain": "words @@ %(plain)s::tsquery",
    "level": "level = %(level)s",
    "parent": "parent = %(parent)s",
    "field": "field_code = %(field)s",
    "unit_level": "%(unit_level)s = ANY(unit_levels)",
    "online_level": "online_level = %(online_level)s",
    "code": "code = %(code)s",
}


def code_of(tx: Tx, unit: str) -> str | None:
    """The code of a unit by either of its codes, whether or not it still exists; None when there is none."""
    query = "SELECT code FROM unit WHERE code = %(code)s OR legacy_code = %(code)s"
    code: str | None = tx.exec_driver_sql(query, {"code": unit}).scalar()
    return code


def procedures_of(tx: Tx, field: str) -> list[str]:
    """The codes of the procedures of a field, in any version."""
    query = "SELECT DISTINCT code FROM procedure WHERE field_code = %(field)s ORDER BY code"
    return [row.code for row in tx.exec_driver_sql(query, {"field": field})]


def list_units(tx: Tx, on: datetime.date, words: Sought | None, after: Sequence[Any], limit: int, **narrow: Any) -> Any:
    """Units valid on a day, by code; those that match the words with their accents first."""
    return _list(tx, UNITS, on, words, after, limit, narrow)


def list_procedures(
    tx: Tx, on: datetime.date, words: Sought | None, after: Sequence[Any], limit: int, **narrow: Any
) -> Any:
    """The versions of procedures in force on a day, by code; those that match the words with their accents first."""
    return _list(tx, PROCEDURES, on, words, after, limit, narrow)


def _list(
    tx: Tx, query: str, on: datetime.date, words: Sought | None, after: Sequence[Any], limit: int, narrow: Any
) -> list[Any]:
    values = {name: value for name, value in narrow.items() if value is not None}
    exact = "1"
    if words:
        values["plain"] = words.plain.whole
        exact = "CASE WHEN words @@ %(exact)s::tsquery THEN 0 ELSE 1 END" if words.exact else "1"
    conditions = "".join(f" AND {FOUND[name]}" for name in values)
    inner = query.replace("SELECT code,", f"SELECT {exact} AS phase, code,", 1) + conditions
    page = (
        f"SELECT * FROM ({inner}) f WHERE (phase, code) > (%(phase)s, %(after)s) ORDER BY phase, code LIMIT %(limit)s"
    )
    place = {
        "on": on,
        "phase": after[0],
        "after": after[1],
        "limit": limit,
        "exact": words and words.exact and words.exact.whole,
    }
    return list(tx.exec_driver_sql(page, values | place))


def find_procedure(tx: Tx, on: datetime.date, code: str) -> Any | None:
    """The version of one procedure in force on a day."""
    return next(iter(_list(tx, PROCEDURES, on, None, (0, ""), 1, {"code": code})), None)


def find_unit(tx: Tx, on: datetime.date, code: str) -> Any | None:
    """One unit valid on a day, by either of its codes."""
    return tx.exec_driver_sql(
        UNITS + " AND (code = %(code)s OR legacy_code = %(code)s)", {"on": on, "code": code}
    ).first()

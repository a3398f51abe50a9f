"""The catalogue as the rules need it: units, procedures and working calendars, remembered until it changes."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from chassis.database import Database, Tx, database_of
from dossier.calendars import OverrideRow, unit_calendar
from dossier.domain.calendar import Calendar
from dossier.domain.dossiers import StepPlan, Terms
from dossier.domain.hours import Hours
from dossier.domain.limits import Limit, LimitKind, SupplementClock

Known = dict[Any, Any]
Found = TypeVar("Found")
MOST_KNOWN = 20_000

VERSION = "SELECT version FROM catalogue_version"
PROCEDURE = """
code, version, name, unit_levels, fee_vnd, limit_kind, limit_count, supplement_clock, supplement_within_days,
on_the_spot, steps
"""
UNIT_ON = """
SELECT code, name, level FROM unit WHERE (code = %(code)s OR legacy_code = %(code)s)
AND valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)
"""
PROCEDURE_ON = f"""
SELECT {PROCEDURE} FROM procedure
WHERE code = %(code)s AND valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)
ORDER BY version DESC LIMIT 1
"""
ABOVE = """
WITH RECURSIVE line AS (
    SELECT parent AS code FROM unit WHERE code = %(unit)s
    UNION SELECT u.parent FROM unit u JOIN line ON u.code = line.code
) SELECT code FROM line WHERE code IS NOT NULL
"""
CALENDARS = """
SELECT u.code, u.hours, o.day, o.works, o.reason, o.hours
FROM unit u LEFT JOIN calendar_override o ON o.unit IS NULL OR o.unit = u.code
WHERE u.code = ANY(%(units)s) ORDER BY o.unit NULLS FIRST, o.day
"""


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit as a dossier needs it."""

    code: str
    name: str
    level: str


@dataclasses.dataclass(frozen=True)
class Procedure:
    """A procedure's version in force, with the terms that the domain judges by."""

    code: str
    version: int
    name: str
    unit_levels: tuple[str, ...]
    fee_vnd: int
    terms: Terms


class NotInCatalogue(LookupError):
    """`field` names what is not there, or not valid on the day."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(f"{field} {code} is not in the catalogue on that day")
        self.field = field


# What was found holds for every transaction that sees the same version. A version is the id of the transaction that
# changed the catalogue: a change that was rolled back leaves none that another could be taken for.
_kept: weakref.WeakKeyDictionary[Database, tuple[str, Known]] = weakref.WeakKeyDictionary()
_seen: weakref.WeakKeyDictionary[Any, Known] = weakref.WeakKeyDictionary()


def _known(tx: Tx) -> Known:
    """What is known of the catalogue that a transaction sees: it asks for the version once, first of all."""
    running = tx.get_transaction()
    if running is None or running not in _seen:
        version = tx.exec_driver_sql(VERSION).scalar_one()
        kept = _kept.get(database_of(tx))
        if kept is None or kept[0] != version or len(kept[1]) > MOST_KNOWN:
            kept = _kept[database_of(tx)] = (version, {})
        running = tx.get_transaction()  # with a first statement it begins
        assert running is not None
        _seen[running] = kept[1]
    return _seen[running]


def remembered(find: Callable[..., Found]) -> Callable[..., Found]:
    """Look up once what does not change before the catalogue does; what is not found is looked for again."""

    @functools.wraps(find)
    def once(tx: Tx, *key: Any) -> Found:
        known = _known(tx)
        if (find, *key) not in known:
            known[find, *key] = find(tx, *key)
        found: Found = known[find, *key]
        return found

    return once


@remembered
def find_unit(tx: Tx, code: str, on: datetime.date) -> Unit:
    """A unit by either of its codes, valid on the day. Raises NotInCatalogue."""
    row = tx.exec_driver_sql(UNIT_ON, {"code": code, "on": on}).first()
    if row is None:
        raise NotInCatalogue("unit", code)
    return Unit(*row)


@remembered
def above(tx: Tx, unit: str) -> list[str]:
    """The codes of the units above a unit."""
    return [row.code for row in tx.exec_driver_sql(ABOVE, {"unit": unit})]


@remembered
def find_procedure(tx: Tx, code: str, on: datetime.date) -> Procedure:
    """The newest version of a procedure that is valid on the day. Raises NotInCatalogue."""
    row = tx.exec_driver_sql(PROCEDURE_ON, {"code": code, "on": on}).first()
    if row is None:
        raise NotInCatalogue("procedure", code)
    return procedure_of(row)


def procedure_of(row: Any) -> Procedure:
    """A version of a procedure from its PROCEDURE columns."""
    terms = Terms(
        procedure=row.code,
        limit=Limit(LimitKind(row.limit_kind), row.limit_count),
        supplement_clock=SupplementClock(row.supplement_clock) if row.supplement_clock else None,
        supplement_within_days=row.supplement_within_days,
        on_the_spot=row.on_the_spot,
        steps=tuple(_step(step) for step in row.steps),
    )
    return Procedure(row.code, row.version, row.name, tuple(row.unit_levels), row.fee_vnd, terms)


def _step(step: dict[str, Any]) -> StepPlan:
    return StepPlan(step["name"], step["unit"], Limit(LimitKind(step["limit"]["kind"]), step["limit"]["count"]))


def calendars(tx: Tx, units: Iterable[str]) -> dict[str, Calendar]:
    """The working calendar of each unit, by code."""
    wanted, known = set(units), _known(tx)
    if unknown := [unit for unit in wanted if (Calendar, unit) not in known]:
        for unit, calendar in _calendars(tx, unknown).items():
            known[Calendar, unit] = calendar
    return {unit: known[Calendar, unit] for unit in wanted if (Calendar, unit) in known}


def _calendars(tx: Tx, units: list[str]) -> dict[str, Calendar]:
    found: dict[tuple[str, str | None], list[OverrideRow]] = {}
    for code, hours, *override in tx.exec_driver_sql(CALENDARS, {"units": units}):
        found.setdefault((code, hours), []).extend([OverrideRow(*override)] if override[0] else [])
    return {code: unit_calendar(Hours.office(hours) if hours else None, own) for (code, hours), own in found.items()}

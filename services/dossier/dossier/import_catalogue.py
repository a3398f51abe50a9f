"""The part of the catalogue that a batch of an import needs, read at once: units and procedures by day."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from chassis.database import Tx
from dossier import catalogue

UNITS = """
SELECT code, legacy_code, name, level, valid_from, valid_to FROM unit
WHERE code = ANY(%(codes)s) OR legacy_code = ANY(%(codes)s)
"""


VERSIONS = f"""
SELECT {catalogue.PROCEDURE}, valid_from, valid_to FROM procedure WHERE code = ANY(%(codes)s) ORDER BY version DESC
"""


class Missing(LookupError):
    """`field` names what is not there, or not valid on the day."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class Catalogue:
    """Units by either of their codes, and the versions of procedures, of one transaction."""

    def __init__(self, tx: Tx, units: Iterable[str], procedures: Iterable[str]) -> None:
        rows = list(tx.exec_driver_sql(UNITS, {"codes": sorted(units)}))
        self.units: dict[str, Any] = {row.legacy_code: row for row in rows} | {row.code: row for row in rows}
        self.versions: dict[str, list[tuple[Any, catalogue.Procedure]]] = {}
        for row in tx.exec_driver_sql(VERSIONS, {"codes": sorted(procedures)}):
            self.versions.setdefault(row.code, []).append((row, catalogue.procedure_of(row)))

    def code_of(self, unit: str) -> str | None:
        """The code that names a unit here."""
        row = self.units.get(unit)
        return row and row.code

    def unit(self, code: str, on: datetime.date) -> catalogue.Unit:
        """A unit by either of its codes, valid on the day. Raises Missing."""
        row = self.units.get(code)
        if row is None or not row.valid_from <= on <= (row.valid_to or on):
            raise Missing("unit", f"Đơn vị không có trong danh mục vào ngày {on:%d/%m/%Y}")
        return catalogue.Unit(row.code, row.name, row.level)

    def procedure(self, code: str, on: datetime.date) -> catalogue.Procedure:
        """The newest version of a procedure that is valid on the day. Raises Missing."""
        for row, procedure in self.versions.get(code, ()):
            if row.valid_from <= on <= (row.valid_to or on):
                return procedure
        raise Missing("procedure", f"Thủ tục không có trong danh mục vào ngày {on:%d/%m/%Y}")

    def unit_codes(self) -> set[str]:
        """The units found, and those of every step of the procedures."""
        known = [procedure for each in self.versions.values() for _, procedure in each]
        return {row.code for row in self.units.values()} | {step.unit for each in known for step in each.terms.steps}

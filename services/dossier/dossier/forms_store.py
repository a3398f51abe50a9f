"""SQL of printed forms: what stands on them besides the dossier itself."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from chassis.database import Tx
from dossier import store
from dossier.domain.instants import VIETNAM
from dossier.store import Record

LINE = """
WITH RECURSIVE line AS (
    SELECT code, name, parent, 0 AS height FROM unit WHERE code = %(unit)s
    UNION SELECT u.code, u.name, u.parent, line.height + 1 FROM unit u JOIN line ON u.code = line.parent
) SELECT name FROM line ORDER BY height
"""
NAMES = "SELECT code, name FROM unit WHERE code = ANY(%(codes)s)"
DOCUMENTS = "SELECT documents FROM procedure WHERE (code, version) = (%(code)s, %(version)s)"
# register_line_unit finds the days; the book is in the order of filing, which is that of the codes.
BOOK = """
SELECT d.code, d.full_name, d.address, d.phone, d.status, d.accepted_at, d.completed_at, d.closed_at,
       p.name AS procedure_name, d.state ->> 'first_due_at' AS first_due_at,
       coalesce((d.state ->> 'supplement_requests')::integer, 0) AS supplement_requests,
       (SELECT min(h.at) FROM dossier_history h WHERE h.code = d.code AND h.fact = 'DossierForwarded') AS forwarded_at,
       (SELECT h.data ->> 'due_at' FROM dossier_history h WHERE h.code = d.code AND h.fact = 'DueDateExtended'
        ORDER BY h.id DESC LIMIT 1) AS extended_to
FROM register_line l JOIN dossier d ON d.code = l.code
JOIN procedure p ON (p.code, p.version) = (d.procedure_code, d.procedure_version)
WHERE l.unit = %(unit)s AND l.filed_at >= %(first)s AND l.filed_at < %(after)s AND d.accepted_at IS NOT NULL
ORDER BY l.filed_at, l.code LIMIT %(limit)s
"""


@dataclasses.dataclass(frozen=True)
class Book:
    """The register of a unit from the first day to the last: its rows, and the names of `Sources.line`."""

    first: datetime.date
    last: datetime.date
    line: tuple[str, ...]
    rows: list[Any]


@dataclasses.dataclass(frozen=True)
class Sources:
    """Everything that a form is written from: the dossier, its history (rows of store.history), the names of its unit
    and of those above it (nearest first), of every unit with a step, and the documents that the procedure asks for."""

    record: Record
    history: list[Any]
    line: tuple[str, ...]
    unit_names: dict[str, str]
    documents: tuple[str, ...]


def sources(tx: Tx, record: Record) -> Sources:
    """What the forms of one dossier are written from."""
    dossier = record.dossier
    codes = sorted({dossier.unit, *(step.unit for step in dossier.terms.steps)})
    version = {"code": dossier.terms.procedure, "version": record.procedure_version}
    return Sources(
        record=record,
        history=store.history(tx, dossier.code),
        line=_line(tx, dossier.unit),
        unit_names={row.code: row.name for row in tx.exec_driver_sql(NAMES, {"codes": codes})},
        documents=tuple(tx.exec_driver_sql(DOCUMENTS, version).scalar_one()),
    )


def book(tx: Tx, unit: str, first: datetime.date, last: datetime.date, limit: int) -> Book:
    """The accepted dossiers that were filed at a unit on these days, at most `limit` of them."""
    begins = datetime.datetime.combine(first, datetime.time(), VIETNAM)
    after = datetime.datetime.combine(last, datetime.time(), VIETNAM) + datetime.timedelta(days=1)
    row = {"unit": unit, "first": begins, "after": after, "limit": limit}
    return Book(first, last, _line(tx, unit), list(tx.exec_driver_sql(BOOK, row)))


def _line(tx: Tx, unit: str) -> tuple[str, ...]:
    return tuple(row.name for row in tx.exec_driver_sql(LINE, {"unit": unit}))

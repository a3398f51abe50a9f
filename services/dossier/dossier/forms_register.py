"""Form 06, the register: the line of one dossier, or the book of a unit over some days."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from dossier.domain.instants import VIETNAM
from dossier.domain.status import Status
from dossier.forms_store import Book, Sources
from dossier.forms_text import day, moment_of


@dataclasses.dataclass(frozen=True)
class Line:
    """A line as the annex has its columns; times are None until they have come."""

    code: str
    procedure: str
    full_name: str
    address: str | None
    phone: str | None
    unit: str
    filed_at: datetime.datetime
    due_at: datetime.datetime | None
    forwarded_at: datetime.datetime | None
    completed_at: datetime.datetime | None
    returned_at: datetime.datetime | None
    notes: str


def line_of(sources: Sources) -> Line:
    """The line of an accepted dossier."""
    record, dossier = sources.record, sources.record.dossier
    assert dossier.accepted_at is not None
    forwarded = next((row.at for row in sources.history if row.fact == "DossierForwarded"), None)
    extended = next((row.data["due_at"] for row in reversed(sources.history) if row.fact == "DueDateExtended"), None)
    return Line(
        code=dossier.code,
        procedure=record.procedure_name,
        full_name=record.person.full_name,
        address=record.person.address,
        phone=record.person.phone,
        unit=record.unit_name,
        filed_at=dossier.accepted_at,
        due_at=dossier.first_due_at,
        forwarded_at=forwarded,
        completed_at=dossier.completed_at,
        returned_at=dossier.closed_at if dossier.status is Status.RETURNED else None,
        notes=_notes(dossier.status, dossier.supplement_requests, extended),
    )


def lines_of(book: Book) -> list[Line]:
    """The lines of a unit's book."""
    return [_line(row, book.line[0]) for row in book.rows]


def _line(row: Any, unit: str) -> Line:
    status = Status(row.status)
    return Line(
        code=row.code,
        procedure=row.procedure_name,
        full_name=row.full_name,
        address=row.address,
        phone=row.phone,
        unit=unit,
        filed_at=row.accepted_at,
        due_at=moment_of(row.first_due_at) if row.first_due_at else None,
        forwarded_at=row.forwarded_at,
        completed_at=row.completed_at,
        returned_at=row.closed_at if status is Status.RETURNED else None,
        notes=_notes(status, row.supplement_requests, row.extended_to),
    )


def _notes(status: Status, supplement_requests: int, extended_to: str | None) -> str:
    notes = [status.text]
    if supplement_requests:
        notes.append("đã yêu cầu bổ sung")
    if extended_to:
        notes.append(f"hẹn lại {day(moment_of(extended_to))}")
    return "; ".join(notes)


def values(lines: Sequence[Line], dated: datetime.datetime, year: int) -> dict[str, Any]:
    """What the template of form 06 asks for besides what every form says."""
    return {"dated": dated, "book": year, "lines": lines, "period": None}


def book_values(book: Book) -> dict[str, Any]:
    """The same for a book, which is dated by its last day."""
    dated = datetime.datetime.combine(book.last, datetime.time(17), VIETNAM)
    period = {"period": (book.first, book.last)}
    return values(lines_of(book), dated, book.last.year) | period

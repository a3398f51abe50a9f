"""HTTP in: the printed forms of a dossier, as a page or as PDF."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis import audit, context
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, database
from dossier import catalogue_store, desk, forms, forms_render, forms_store, lookup, reading

blueprint = Blueprint("forms", "forms", description="Printed forms 01 to 06 (TT 01/2018/TT-VPCP)")
MEDIA = {"html": "text/html", "pdf": "application/pdf"}
COPIES = ("citizen", "office")
MOST_LINES = 100
"""Of a register in one answer: about as many as are printed in some seconds."""
# The page runs no script and loads nothing; its style stands in it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
ANSWERS = {"200": {"description": "The form", "content": {media: {} for media in MEDIA.values()}}}


class PaperArguments(Schema):
    """How a form is wanted."""

    format = fields.String(
        load_default=None, validate=validate.OneOf(list(MEDIA)), metadata={"description": "default: what Accept says"}
    )
    size = fields.String(
        load_default=None,
        validate=validate.OneOf(forms_render.SIZES),
        metadata={"description": "default: a5, form 06 a4, as the annex has it"},
    )


class PrintArguments(PaperArguments):
    """How a dossier's form is wanted."""

    copy = fields.String(
        load_default=None,
        validate=validate.OneOf(COPIES),
        metadata={
            "description": "of form 01: the citizen's carries the look-up secret and needs dossier:write, the office's "
            "does not; default: the citizen's where the caller may have it"
        },
    )


class BookArguments(PaperArguments):
    """Which unit's register, of the dossiers filed on which days."""

    unit = fields.String(required=True, validate=validate.Length(1, 60))
    first = fields.Date(required=True)
    last = fields.Date(required=True, metadata={"description": "included; at most a year after the first"})

    @validates_schema
    def check_days(self, data: dict[str, Any], **_: Any) -> None:
        """A period ends after it begins."""
        if not 0 <= (data["last"] - data["first"]).days <= 366 or data["last"].year > 2100 or data["first"].year < 1990:
            raise ValidationError("must be within a year after first", "last")


@blueprint.route("/v1/dossiers/<code>/forms/<number>")
@require("dossier:read")
@blueprint.doc(responses=ANSWERS)
@blueprint.arguments(PrintArguments, location="query")
def print_form(query: dict[str, Any], code: str, number: str) -> Response:
    """A form of a dossier that the caller may read: the same data give the same bytes. Audited.

    A form that the dossier does not have is refused with the rule and its article.
    """
    form = forms.FORMS.get(number)
    if form is None:
        raise Problem(404, "Not found", f"Không có mẫu số {number}; có các mẫu 01 đến 06", code="no-such-form")
    wanted = query["format"] or _accepted()
    with_secret = number == "01" and _citizens_copy(query["copy"])
    with database().transaction() as tx:
        values = _values(tx, code, form, with_secret)
    secret = lookup.secret_of(values["code"]) if with_secret else None
    page = forms_render.html(values, query["size"] or form.size, secret)
    return _answer(page, wanted, f"{_file_name(values['code'])}-{number}")


@blueprint.route("/v1/forms/06")
@require("dossier:read")
@blueprint.doc(responses=ANSWERS)
@blueprint.arguments(BookArguments, location="query")
def print_book(query: dict[str, Any]) -> Response:
    """The register of a unit that the caller may read, over some days: at most 100 lines. Audited."""
    first, last = query["first"], query["last"]
    wanted = query["format"] or _accepted()
    with database().transaction() as tx:
        unit = catalogue_store.code_of(tx, query["unit"])
        if unit is None:
            raise Problem(422, "Unprocessable", errors=[{"field": "unit", "rule": "is not in the catalogue"}])
        reach = reading.reach(tx).units
        if reach is not None and unit not in reach:
            raise desk.WrongUnit(unit)
        book = forms_store.book(tx, unit, first, last, MOST_LINES + 1)
        if len(book.rows) > MOST_LINES:
            rule = f"more than {MOST_LINES} lines: ask for fewer days"
            raise Problem(422, "Unprocessable", errors=[{"field": "last", "rule": rule}])
        codes = [row.code for row in book.rows]
        audit.record(tx, "dossier.print-register", f"unit/{unit}", after=[str(first), str(last), codes])
    page = forms_render.html(forms.fill_book(book), query["size"] or forms.FORMS["06"].size)
    return _answer(page, wanted, f"{unit}-{first:%Y%m%d}-{last:%Y%m%d}-06")


def _values(tx: Tx, code: str, form: forms.Form, with_secret: bool) -> dict[str, Any]:
    """Paper with personal data leaves the system here, so who printed it is on record (TCVN 11930:2017, level 3)."""
    record = reading.readable(tx, code)
    values = forms.fill(form, forms_store.sources(tx, record))
    audit.record(tx, "dossier.print-form", f"dossier/{record.dossier.code}/forms/{form.number}")
    if with_secret:
        audit.record(tx, "dossier.read-lookup-secret", f"dossier/{record.dossier.code}")
    return values


def _answer(page: str, wanted: str, name: str) -> Response:
    body = page.encode() if wanted == "html" else _printed(page)
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{wanted}"',
        "Content-Security-Policy": POLICY,
        "Vary": "Accept",
    }
    return Response(body, 200, headers, content_type=f"{MEDIA[wanted]}{'; charset=utf-8' * (wanted == 'html')}")


def _accepted() -> str:
    if "Accept" not in request.headers:
        return "html"
    best = request.accept_mimetypes.best_match(list(MEDIA.values()))
    if best is None:
        raise Problem(406, "Not acceptable", "text/html or application/pdf", code="not-acceptable")
    return next(name for name, media in MEDIA.items() if media == best)


def _citizens_copy(wanted: str | None) -> bool:
    """Whether the copy carries the secret. Raises Problem 403 where the caller may not have it."""
    may = "dossier:write" in context.current().caller.scopes
    if wanted == "citizen" and not may:
        raise Problem(403, "Forbidden", "Scope dossier:write is needed", code="scope", scope="dossier:write")
    return may and wanted != "office"


def _printed(page: str) -> bytes:
    try:
        return forms_render.pdf(page)
    except forms_render.NoPrinter as missing:
        detail = f"Máy chủ chưa in được PDF ({missing}); hãy dùng ?format=html"
        raise Problem(503, "No PDF here", detail, code="no-printer") from None


def _file_name(code: str) -> str:
    """Codes of other systems are opaque text: only what a header can hold stays."""
    return "".join(letter for letter in code if letter.isascii() and (letter.isalnum() or letter in ".-_")) or "ho-so"

"""HTTP in: the breaches that are foreseen, and the letter that asks for another date."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from chassis.auth import require
from chassis.database import Tx
from chassis.paging import PageArguments, page
from chassis.web import Blueprint, transactional
from dossier import foreseen, reading, watch_store
from dossier.calendar_views import key_after
from dossier.domain.instants import local_day
from dossier.spans import TIME

blueprint = Blueprint("foreseen", "foreseen", description="Foreseen breaches")


class ForeseenFilter(PageArguments):
    """Where to look, and how far ahead."""

    unit = fields.String(
        load_default=None, validate=validate.Length(1, 60), metadata={"description": "with the units below it"}
    )
    within_days = fields.Integer(
        load_default=2, validate=validate.Range(0, 30), metadata={"description": "working days"}
    )


class ForeseenBreach(Schema):
    """A dossier that will be late unless somebody acts."""

    code = fields.String(attribute="record.dossier.code")
    unit = fields.String(attribute="record.dossier.unit")
    unit_name = fields.String(attribute="record.unit_name")
    procedure = fields.String(attribute="record.dossier.terms.procedure")
    procedure_name = fields.String(attribute="record.procedure_name")
    status = fields.Integer(attribute="record.dossier.status")
    due_at = fields.AwareDateTime(attribute="record.dossier.due_at")
    remaining = fields.String(attribute="remaining_text")
    rules = fields.List(
        fields.String(),
        metadata={
            "description": "due_within_days: due within so many working days and not completed. "
            "remaining_steps_need_more: the steps that remain, each with its whole limit, end after the due date"
        },
    )
    may_reappoint = fields.Boolean(metadata={"description": "NĐ 61/2018, art. 19(9): once, a day before the due date"})
    apology_proposed = fields.Function(
        lambda found: found.record.dossier.proposal is not None, metadata={"type": "boolean"}
    )


class ForeseenPage(Schema):
    """A page of foreseen breaches, the soonest due first."""

    items = fields.List(fields.Nested(ForeseenBreach))
    next = fields.String(allow_none=True)


class LetterArguments(Schema):
    """What the letter is to say."""

    reason = fields.String(required=True, validate=validate.Length(1, 2000))
    due_at = fields.AwareDateTime(required=True, validate=TIME, metadata={"description": "the new date"})


class LetterSchema(Schema):
    """A letter of apology, form 04."""

    letter = fields.String()


@blueprint.route("/v1/foreseen-breaches")
@require("dossier:read")
@transactional
@blueprint.arguments(ForeseenFilter, location="query")
@blueprint.response(200, ForeseenPage)
def list_foreseen(tx: Tx, query: dict[str, Any]) -> Any:
    """Open dossiers that will be late unless somebody acts: due within so many working days and not completed, or with
    remaining steps whose limits need more than the working time that is left."""
    now = watch_store.now(tx)
    today = datetime.datetime.combine(local_day(now), datetime.time(), datetime.UTC) - datetime.timedelta(days=1)
    start = key_after(query["cursor"], (today.isoformat(), ""))
    rows = foreseen.find(tx, now, query["within_days"], query["unit"], start, query["limit"] + 1)
    return page(rows, query["limit"], lambda row: [row.record.dossier.due_at.isoformat(), row.record.dossier.code])


@blueprint.route("/v1/dossiers/<code>/apology-letter")
@require("dossier:write")
@transactional
@blueprint.arguments(LetterArguments, location="query")
@blueprint.response(200, LetterSchema)
def draft_letter(tx: Tx, query: dict[str, Any], code: str) -> Any:
    """The letter of apology and re-appointment (form 04) as it would go out; a proposal without a letter takes this."""
    code = reading.readable(tx, code).dossier.code
    return {"letter": foreseen.letter(tx, code, query["reason"], query["due_at"])}

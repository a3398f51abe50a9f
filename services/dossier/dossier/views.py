"""HTTP in: one business act is one call."""

from __future__ import annotations

import datetime
from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from chassis.auth import require
from chassis.database import Tx
from chassis.web import Blueprint, check_if_match, etag, transactional
from dossier import (
    acts_views,
    apologies,
    calendar_views,
    catalogue_views,
    code_block_views,
    deadline_views,
    desk,
    files_views,
    foreseen,
    foreseen_views,
    forms_views,
    imports_views,
    lookup_views,
    portal_views,
    read_views,
    reading,
    store,
)
from dossier.acting import BODIES, Nothing, PersonSchema, perform
from dossier.domain.acts import allowed_acts
from dossier.domain.dossiers import Channel, Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.facts import Done
from dossier.domain.refusals import Act

blueprint = Blueprint("dossiers", "dossiers", description="Dossiers and the acts on them")
BLUEPRINTS = [
    blueprint,
    read_views.blueprint,
    acts_views.blueprint,
    deadline_views.blueprint,
    lookup_views.blueprint,
    files_views.blueprint,
    forms_views.blueprint,
    catalogue_views.blueprint,
    calendar_views.blueprint,
    foreseen_views.blueprint,
    portal_views.blueprint,
    imports_views.blueprint,
    code_block_views.blueprint,
]


def now() -> datetime.datetime:
    """The moment at which a call counts."""
    return datetime.datetime.now(datetime.UTC)


class NewDossier(Schema):
    """A dossier to be filed."""

    procedure = fields.String(required=True, validate=validate.Length(1, 60))
    unit = fields.String(required=True, validate=validate.Length(1, 60))
    channel = fields.Enum(Channel, by_value=True, load_default=Channel.DIRECT)
    applicant = fields.Nested(PersonSchema, required=True)
    code = fields.String(
        load_default=None,
        validate=validate.Length(1, 64),
        metadata={"description": "a code of a block reserved for the unit and this day; default: the next one"},
    )


class DossierSchema(Schema):
    """A dossier as an officer sees it."""

    code = fields.String(attribute="dossier.code")
    unit = fields.String(attribute="dossier.unit")
    unit_name = fields.String()
    procedure = fields.String(attribute="dossier.terms.procedure")
    procedure_version = fields.Integer()
    procedure_name = fields.String()
    channel = fields.Enum(Channel, by_value=True, attribute="dossier.channel")
    status = fields.Integer(attribute="dossier.status")
    status_name = fields.String(attribute="dossier.status.text")
    rule_set = fields.String(attribute="dossier.rule_set_id")
    filed_at = fields.AwareDateTime(attribute="dossier.filed_at")
    answer_due_at = fields.AwareDateTime(attribute="dossier.intake_due_at", allow_none=True)
    accepted_at = fields.AwareDateTime(attribute="dossier.accepted_at", allow_none=True)
    due_at = fields.AwareDateTime(attribute="dossier.due_at", allow_none=True)
    first_due_at = fields.AwareDateTime(attribute="dossier.first_due_at", allow_none=True)
    completed_at = fields.AwareDateTime(attribute="dossier.completed_at", allow_none=True)
    closed_at = fields.AwareDateTime(attribute="dossier.closed_at", allow_none=True)
    fee_required = fields.Integer(attribute="dossier.fee_required")
    fee_paid = fields.Integer(attribute="dossier.fee_paid")
    applicant = fields.Nested(PersonSchema, attribute="person")
    allowed_acts = fields.Function(
        lambda record: [act.value for act in allowed_acts(record.dossier, now())],
        metadata={"type": "array", "items": {"type": "string"}},
    )


class HistoryEntry(Schema):
    """One thing that happened."""

    fact = fields.String()
    status = fields.Integer()
    at = fields.AwareDateTime()
    actor = fields.String()
    unit = fields.String(allow_none=True)
    data = fields.Dict()


@blueprint.route("/v1/dossiers", methods=["POST"])
@require("dossier:write")
@transactional
@blueprint.arguments(NewDossier)
@blueprint.response(201, DossierSchema)
def file_dossier(tx: Tx, body: dict[str, Any]) -> Any:
    """File a dossier. The answer's `code` is what the citizen looks it up by."""
    person = store.Person(**body["applicant"])
    record = desk.file(tx, body["procedure"], body["unit"], body["channel"], person, now(), body["code"])
    return record, 201, etag(record.version) | {"Location": f"/v1/dossiers/{record.dossier.code}"}


@blueprint.route("/v1/dossiers/<code>")
@require("dossier:read")
@transactional
@blueprint.response(200, DossierSchema)
def show_dossier(tx: Tx, code: str) -> Any:
    """One dossier."""
    record = reading.readable(tx, code)
    return record, 200, etag(record.version)


@blueprint.route("/v1/dossiers/<code>/history")
@require("dossier:read")
@transactional
@blueprint.response(200, HistoryEntry(many=True))
def show_history(tx: Tx, code: str) -> Any:
    """What happened to a dossier, in order."""
    return store.history(tx, reading.readable(tx, code).dossier.code)


def _serve(act: Act) -> None:
    """One address for one act: `POST /v1/dossiers/{code}/<act>`."""
    binding = act in apologies.APPROVALS

    @blueprint.route(f"/v1/dossiers/<code>/{act.value}", methods=["POST"], endpoint=act.value)
    @require("dossier:approve" if binding else "dossier:write")
    @transactional
    @blueprint.arguments(BODIES.get(act, Nothing))
    @blueprint.response(200, DossierSchema)
    def do(tx: Tx, body: dict[str, Any], code: str) -> Any:
        check = check_if_match if request.if_match else lambda _version: None
        if "letter" in body and body["letter"] is None:
            body["letter"] = foreseen.letter(tx, code, body["reason"], body["due_at"])

        def verb(dossier: Dossier, at: datetime.datetime, calendars: Calendars) -> Done:
            return perform(act, dossier, at, calendars, body)

        judged = apologies.decided_by_another(tx, verb) if act in apologies.DECISIONS else verb
        record = desk.act(tx, code, judged, act.value, now(), check, from_above=binding)
        return record, 200, etag(record.version)


for each in Act:
    _serve(each)

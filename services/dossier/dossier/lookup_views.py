"""HTTP in: the public look-up by code and secret, and the secret for the receipt."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import current_app, request
from marshmallow import Schema, fields, validate

from chassis import audit
from chassis.auth import public, require
from chassis.database import Tx
from chassis.limits import Limits
from chassis.problems import Problem
from chassis.web import Blueprint, database, transactional
from dossier import lookup, reading, settings, store

blueprint = Blueprint("lookup", "lookup", description="Public look-up of one's own dossier")


class LookupBody(Schema):
    """What stands on the receipt. The secret travels in the body, because addresses end in logs."""

    code = fields.String(required=True, validate=validate.Length(1, 100))
    secret = fields.String(required=True, validate=validate.Length(1, 40))


class AskedSchema(Schema):
    """What the citizen is asked to do now."""

    what = fields.String()
    reason = fields.String(allow_none=True)
    amount = fields.Integer(metadata={"description": "đồng"})
    until = fields.Date(allow_none=True)


class LookupStep(Schema):
    """One step that has begun."""

    name = fields.String()
    unit_name = fields.String()
    started_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)


class LookupEntry(Schema):
    """One thing that happened."""

    at = fields.AwareDateTime()
    text = fields.String()
    status = fields.Integer()
    status_name = fields.String()
    details = fields.Dict()


class LookupAnswer(Schema):
    """A dossier as its citizen sees it."""

    code = fields.String()
    unit_name = fields.String()
    procedure = fields.String()
    procedure_name = fields.String()
    status = fields.Integer()
    status_name = fields.String()
    filed_at = fields.AwareDateTime()
    answer_due_at = fields.AwareDateTime(allow_none=True)
    accepted_at = fields.AwareDateTime(allow_none=True)
    due_at = fields.AwareDateTime(allow_none=True)
    first_due_at = fields.AwareDateTime(allow_none=True)
    completed_at = fields.AwareDateTime(allow_none=True)
    fee_required = fields.Integer()
    fee_paid = fields.Integer()
    asked = fields.Nested(AskedSchema, allow_none=True)
    steps = fields.List(fields.Nested(LookupStep))
    history = fields.List(fields.Nested(LookupEntry))


class SecretAnswer(Schema):
    """What to print on the receipt."""

    code = fields.String()
    secret = fields.String()


@blueprint.route("/v1/lookup", methods=["POST"])
@public
@blueprint.arguments(LookupBody)
@blueprint.response(200, LookupAnswer)
def look_up(body: dict[str, Any]) -> dict[str, Any]:
    """One's own dossier: every step, what is asked, until when. An unknown code and a wrong secret are told alike."""
    code = body["code"].strip()
    address, number = request.remote_addr or "unknown", hashlib.sha256(code.encode()).hexdigest()[:32]
    limits: Limits = current_app.extensions.setdefault("lookup-limits", Limits(database()))
    bounds = settings.lookup()
    failures = {
        f"lookup-address:{address}": bounds.failures_per_address,
        f"lookup-code:{number}": bounds.failures_per_code,
    }
    if not limits.allow(f"lookup:{address}", bounds.per_address) or any(
        limits.exhausted(bucket, per_minute) for bucket, per_minute in failures.items()
    ):
        raise Problem(
            429, "Too many look-ups", "Xin thử lại sau ít phút", code="rate-limit", headers={"Retry-After": "60"}
        )
    if lookup.matches(code, body["secret"]):
        with database().transaction() as tx:
            try:
                return lookup.told(tx, store.get(tx, code))
            except store.NoSuchDossier:  # only whoever has the key can come here
                pass
    for bucket, per_minute in failures.items():
        limits.spend(bucket, per_minute)
    raise Problem(404, "Not found", "Mã hồ sơ hoặc mã tra cứu không đúng", code="no-such-dossier")


@blueprint.route("/v1/dossiers/<code>/receipt-secret")
@require("dossier:write")
@transactional
@blueprint.response(200, SecretAnswer)
def show_secret(tx: Tx, code: str) -> dict[str, str]:
    """The secret that goes on the receipt, for an officer who may read the dossier. Audited."""
    code = reading.readable(tx, code).dossier.code
    audit.record(tx, "dossier.read-lookup-secret", f"dossier/{code}")
    return {"code": code, "secret": lookup.secret_of(code)}

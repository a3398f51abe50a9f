"""HTTP in: receive a dossier, announce it; with and without what the bare peer does not do."""

import datetime
import uuid
from typing import Any

from marshmallow import Schema, fields, validate

from bench import store
from bench.events import Received
from chassis import audit
from chassis.auth import require
from chassis.database import Tx
from chassis.outbox import announce
from chassis.web import Blueprint, transactional

blueprint = Blueprint("dossiers", "dossiers", description="Dossiers")
BLUEPRINTS = [blueprint]


class DossierSchema(Schema):
    """A dossier to be received."""

    code = fields.String(dump_only=True)
    procedure = fields.String(required=True, validate=validate.Length(1, 100))
    unit = fields.String(required=True, validate=validate.Length(1, 100))
    channel = fields.String(required=True, validate=validate.OneOf(["counter", "online", "post"]))
    applicant = fields.String(required=True, validate=validate.Length(1, 200))
    received_at = fields.AwareDateTime(dump_only=True)


@blueprint.route("/v1/dossiers", methods=["POST"])
@require("bench:write")
@transactional
@blueprint.arguments(DossierSchema)
@blueprint.response(201, DossierSchema)
def receive_audited(tx: Tx, body: dict[str, Any]) -> dict[str, Any]:
    """The row, the event and the audit entry; with an Idempotency-Key also the kept answer."""
    dossier = receive(tx, body)
    audit.record(tx, "dossier.receive", f"dossier/{dossier['code']}", after=body)
    return dossier


@blueprint.route("/v1/plain-dossiers", methods=["POST"])
@require("bench:write")
@transactional
@blueprint.arguments(DossierSchema)
@blueprint.response(201, DossierSchema)
def receive_plain(tx: Tx, body: dict[str, Any]) -> dict[str, Any]:
    """The row and the event, nothing else."""
    return receive(tx, body)


def receive(tx: Tx, body: dict[str, Any]) -> dict[str, Any]:
    dossier = body | {"code": f"000.00.01.H17-{uuid.uuid4().hex}", "received_at": datetime.datetime.now(datetime.UTC)}
    store.insert_dossier(tx, dossier)
    announce(tx, Received, dossier["code"], {name: dossier[name] for name in dossier if name != "applicant"})
    return dossier

"""HTTP for ops: what is owed to the national portal, what differs there, its codes for ours and its catalogue."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from chassis import audit
from chassis.auth import require
from chassis.context import current
from chassis.database import Tx
from chassis.paging import PageArguments, decode, page
from chassis.problems import Problem
from chassis.web import Blueprint, transactional
from dossier import portal_catalogue, portal_drift, portal_mappings, portal_store

blueprint = Blueprint("portal", "portal", description="The national public-service portal")
STATES = ("waiting", "reserved", "sent", "dead", "dropped")


class DeliveryFilter(PageArguments):
    """Which deliveries."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    code = fields.String(load_default=None, validate=validate.Length(1, 60), metadata={"description": "of one dossier"})


class PortalDeliverySchema(Schema):
    """One call that is owed to the portal, or was made."""

    id = fields.Integer()
    code = fields.String()
    service = fields.String(metadata={"description": "DongBoHoSoMC or CapNhatTienDoHoSoMC"})
    state = fields.String(metadata={"enum": list(STATES)})
    owed_at = fields.AwareDateTime()
    next_attempt_at = fields.AwareDateTime(allow_none=True, metadata={"description": "null: waits behind a dead one"})
    tries = fields.Integer(metadata={"description": "calls made"})
    failures = fields.Integer(metadata={"description": "of them, those that count against it: at some it is dead"})
    tried_at = fields.AwareDateTime(allow_none=True)
    sent_at = fields.AwareDateTime(allow_none=True)
    error_code = fields.String(allow_none=True)
    error = fields.String(allow_none=True, metadata={"description": "the portal's words"})


class PortalDeliveryPage(Schema):
    """A page of deliveries, the oldest first."""

    items = fields.List(fields.Nested(PortalDeliverySchema))
    next = fields.String(allow_none=True)


class DriftFilter(PageArguments):
    """Which differences."""

    drift = fields.String(load_default=None, validate=validate.OneOf(["missing", "status", "due_date"]))


class PortalDriftSchema(Schema):
    """A dossier that the portal holds otherwise, or not at all."""

    code = fields.String()
    drift = fields.String(metadata={"enum": ["missing", "status", "due_date"]})
    ours = fields.Dict(metadata={"description": "status and due time as they are sent"})
    theirs = fields.Dict(allow_none=True)
    found_at = fields.AwareDateTime()
    checked_at = fields.AwareDateTime(allow_none=True)
    synced_at = fields.AwareDateTime(allow_none=True, metadata={"description": "when the portal last took it"})
    mended_at = fields.AwareDateTime(allow_none=True, metadata={"description": "when it was queued again"})


class PortalDriftPage(Schema):
    """A page of differences."""

    items = fields.List(fields.Nested(PortalDriftSchema))
    next = fields.String(allow_none=True)


class PortalRunSchema(Schema):
    """One comparison of the two books."""

    id = fields.Integer()
    day = fields.Date(allow_none=True, metadata={"description": "of the daily one; null: by hand"})
    since = fields.Date()
    mend = fields.Boolean()
    requested_by = fields.String()
    started_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)
    counts = fields.Dict(metadata={"description": "agree, missing, status, due_date, pending, unanswered"})


class PortalRunPage(Schema):
    """A page of comparisons, the newest first."""

    items = fields.List(fields.Nested(PortalRunSchema))
    next = fields.String(allow_none=True)


class PortalMappingSchema(Schema):
    """The portal's code for one of ours."""

    kind = fields.String()
    ours = fields.String()
    theirs = fields.String()
    changed_at = fields.AwareDateTime()
    changed_by = fields.String()


class PortalMappingPage(Schema):
    """A page of codes."""

    items = fields.List(fields.Nested(PortalMappingSchema))
    next = fields.String(allow_none=True)


class PortalCode(Schema):
    """The portal's code."""

    theirs = fields.String(required=True, validate=validate.Regexp(r"\S(.{0,98}\S)?\Z", error="1 to 100 characters"))


class PortalProcedureSchema(Schema):
    """A procedure of ours beside the national catalogue's."""

    code = fields.String()
    portal_code = fields.String()
    name = fields.String()
    portal_name = fields.String(allow_none=True)
    seen_at = fields.AwareDateTime(allow_none=True)
    difference = fields.String(metadata={"enum": ["missing", "name", "same"]})


class PortalProcedurePage(Schema):
    """A page of procedures, by code."""

    items = fields.List(fields.Nested(PortalProcedureSchema))
    next = fields.String(allow_none=True)


class DropReason(Schema):
    """Why something is given up."""

    reason = fields.String(required=True, validate=validate.Length(1, 500))


@blueprint.route("/v1/portal/deliveries")
@require("portal:manage")
@transactional
@blueprint.arguments(DeliveryFilter, location="query")
@blueprint.response(200, PortalDeliveryPage)
def list_deliveries(tx: Tx, query: dict[str, Any]) -> Any:
    """What is owed to the portal and what was sent, the oldest first; a dead one holds up its dossier."""
    after = decode(query["cursor"], 0)
    rows = portal_store.deliveries(tx, query["state"], query["code"], after, query["limit"] + 1)
    return page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/portal/deliveries/<int:number>/retry", methods=["POST"])
@require("portal:manage")
@transactional
@blueprint.response(204)
def retry_delivery(tx: Tx, number: int) -> None:
    """Give a dead delivery its attempts again, or let a waiting one wait no longer."""
    _found(tx, portal_store.retry(tx, _number(number)), "portal.retry", number)


@blueprint.route("/v1/portal/deliveries/<int:number>/drop", methods=["POST"])
@require("portal:manage")
@transactional
@blueprint.arguments(DropReason)
@blueprint.response(204)
def drop_delivery(tx: Tx, body: dict[str, Any], number: int) -> None:
    """Give a dead delivery up for good, so that what comes after it is sent; the next comparison shows what is missing."""
    _found(tx, portal_store.drop(tx, _number(number)), "portal.drop", number, body["reason"])


def _found(tx: Tx, code: str | None, action: str, number: int, reason: str | None = None) -> None:
    if code is None:
        raise Problem(404, "Not found", f"Không có lần gửi {number} đang chờ hoặc đã ngừng", code="no-such-delivery")
    audit.record(tx, action, f"portal-delivery/{number}", {"code": code}, {"code": code, "reason": reason})


def _number(number: int) -> int:
    return number if number < 2**63 else 0


@blueprint.route("/v1/portal/drift")
@require("portal:manage")
@transactional
@blueprint.arguments(DriftFilter, location="query")
@blueprint.response(200, PortalDriftPage)
def list_drift(tx: Tx, query: dict[str, Any]) -> Any:
    """Dossiers that the portal held otherwise when it was last asked, and has not taken anew since."""
    rows = portal_drift.listed(tx, query["drift"], decode(query["cursor"], ""), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: row.code)


@blueprint.route("/v1/portal/reconciliations")
@require("portal:manage")
@transactional
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PortalRunPage)
def list_runs(tx: Tx, query: dict[str, Any]) -> Any:
    """Comparisons of the two books, the newest first."""
    rows = portal_drift.runs(tx, decode(query["cursor"], 2**63 - 1), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/portal/procedures")
@require("portal:manage")
@transactional
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PortalProcedurePage)
def list_procedures(tx: Tx, query: dict[str, Any]) -> Any:
    """Our procedures in force beside the national catalogue as it was last read."""
    rows = portal_catalogue.compared(tx, decode(query["cursor"], ""), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: row.code)


@blueprint.route("/v1/portal/mappings")
@require("portal:manage")
@transactional
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PortalMappingPage)
def list_mappings(tx: Tx, query: dict[str, Any]) -> Any:
    """Codes that are sent instead of ours; what is not listed is sent as it is."""
    rows = portal_mappings.listed(tx, decode(query["cursor"], ["", ""]), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: [row.kind, row.ours])


@blueprint.route("/v1/portal/mappings/<kind>/<ours>", methods=["PUT"])
@require("portal:manage")
@transactional
@blueprint.arguments(PortalCode)
@blueprint.response(200, PortalMappingSchema)
def put_mapping(tx: Tx, body: dict[str, Any], kind: str, ours: str) -> Any:
    """Enter or change the portal's code for one of ours; what is sent from now on carries it."""
    return portal_mappings.put(tx, kind, ours, body["theirs"], current().caller.subject)


@blueprint.route("/v1/portal/mappings/<kind>/<ours>", methods=["DELETE"])
@require("portal:manage")
@transactional
@blueprint.response(204)
def delete_mapping(tx: Tx, kind: str, ours: str) -> None:
    """Send our own code again."""
    portal_mappings.remove(tx, kind, ours)

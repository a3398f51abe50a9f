"""HTTP in: planned outages, under which a camera's silence alarms nobody."""

from __future__ import annotations

import datetime
from typing import Any

from chassis import audit, context, paging
from chassis.auth import require
from chassis.context import new_id
from chassis.database import Tx
from chassis.web import Blueprint, check_if_match, etag, transactional
from ipcam import registry, store
from ipcam.domain.maintenance import plan
from ipcam.site_schemas import MaintenanceArguments, MaintenancePage, MaintenanceSchema, NewMaintenance

blueprint = Blueprint("maintenance", "maintenance", description="Planned outages")


@blueprint.route("/v1/maintenance", methods=["POST"])
@require("camera:write")
@transactional
@blueprint.arguments(NewMaintenance)
@blueprint.response(201, MaintenanceSchema)
def plan_maintenance(tx: Tx, body: dict[str, Any]) -> Any:
    """Plan an outage of a camera or of a whole site; at most seven days."""
    camera = str(body["camera"]) if body["camera"] else None
    now = datetime.datetime.now(datetime.UTC)
    window = plan(body["starts_at"], body["ends_at"], body["reason"], now, camera)
    store.get_site(tx, body["site"], registry.unit())
    if camera and store.get_camera(tx, camera, registry.unit()).site != body["site"]:
        raise store.NoSuchCamera(camera)
    window_id, by = new_id(), context.current().caller.subject
    store.plan_maintenance(tx, body | {"id": window_id, "camera": camera, "reason": window.reason, "planned_by": by})
    audit.record(tx, "maintenance.plan", f"maintenance/{window_id}", after=body)
    row = store.get_maintenance(tx, window_id, registry.unit())
    return row, 201, {"Location": f"/v1/maintenance/{window_id}"} | etag(row.version)


@blueprint.route("/v1/maintenance")
@require("camera:read")
@transactional
@blueprint.arguments(MaintenanceArguments, location="query")
@blueprint.response(200, MaintenancePage)
def list_maintenance(tx: Tx, query: dict[str, Any]) -> Any:
    """The outages that are planned, or that were, with `ends_after`."""
    after = paging.decode(query["cursor"], store.NO_CAMERA)
    ends_after = query["ends_after"] or datetime.datetime.now(datetime.UTC)
    rows = store.list_maintenance(tx, registry.unit(), query["site"], ends_after, after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/maintenance/<uuid:window_id>")
@require("camera:read")
@transactional
@blueprint.response(200, MaintenanceSchema)
def show_maintenance(tx: Tx, window_id: Any) -> Any:
    """One planned outage."""
    row = store.get_maintenance(tx, str(window_id), registry.unit())
    return row, 200, etag(row.version)


@blueprint.route("/v1/maintenance/<uuid:window_id>", methods=["DELETE"])
@require("camera:write")
@transactional
@blueprint.response(204)
def cancel_maintenance(tx: Tx, window_id: Any) -> None:
    """End an outage now; that it was planned is not forgotten."""
    row = store.get_maintenance(tx, str(window_id), registry.unit())
    check_if_match(row.version)
    store.cancel_maintenance(tx, row.id)
    audit.record(tx, "maintenance.cancel", f"maintenance/{row.id}")

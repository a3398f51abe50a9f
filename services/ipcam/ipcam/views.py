"""HTTP in: the registry of cameras, how they are, and their history."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from chassis import paging
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, check_if_match, etag, transactional
from ipcam import import_views, live_views, maintenance_views, recording_views, registry, site_views, store, watch_store
from ipcam.asking import ask, safe
from ipcam.domain.maintenance import Window, planned
from ipcam.schemas import (
    CameraArguments,
    CameraChange,
    CameraPage,
    CameraSchema,
    HealthSchema,
    HistoryArguments,
    LinePage,
    NewCamera,
    ProbeRequest,
    ProbeSchema,
    RegisterArguments,
    WatcherList,
)

blueprint = Blueprint("cameras", "cameras", description="Cameras and their health")


@blueprint.route("/v1/cameras", methods=["POST"])
@require("camera:write")
@blueprint.arguments(RegisterArguments, location="query")
@blueprint.arguments(NewCamera)
@blueprint.response(201, CameraSchema)
def register_camera(query: dict[str, Any], body: dict[str, Any]) -> Any:
    """Register a camera; a watcher takes it within seconds. With `require_answer` it is asked first."""
    seen = None
    if query["require_answer"]:
        found = ask(body)
        if not found.ok:
            raise Problem(
                422, "Unprocessable", errors=[{"field": "rtsp_url", "rule": f"does not answer: {found.reason}"}]
            )
        seen = dataclasses.asdict(found)
    return _register(body, seen)


@transactional
def _register(tx: Tx, body: dict[str, Any], seen: dict[str, Any] | None) -> Any:
    camera_id = registry.register(tx, body, safe(), seen)
    row = store.get_camera(tx, camera_id, registry.unit())
    return CameraSchema().dump(row), 201, {"Location": f"/v1/cameras/{camera_id}"} | etag(row.version)


@blueprint.route("/v1/cameras")
@require("camera:read")
@transactional
@blueprint.arguments(CameraArguments, location="query")
@blueprint.response(200, CameraPage)
def list_cameras(tx: Tx, query: dict[str, Any]) -> Any:
    """Cameras, by site, health and fault."""
    after = paging.decode(query["cursor"], store.NO_CAMERA)
    chosen = {name: query[name] for name in ("site", "status", "fault")}
    rows = store.list_cameras(tx, registry.unit(), chosen, _uuid(after), query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/cameras/probe", methods=["POST"])
@require("camera:write")
@blueprint.arguments(ProbeRequest)
@blueprint.response(200, ProbeSchema)
def probe_camera(body: dict[str, Any]) -> Any:
    """Ask a stream once, before it is registered: does it send video, which, and how soon. Nothing is stored."""
    return ask(body)


@blueprint.route("/v1/cameras/<uuid:camera_id>")
@require("camera:read")
@transactional
@blueprint.response(200, CameraSchema)
def show_camera(tx: Tx, camera_id: Any) -> Any:
    """One camera, and whether its stream answers."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    return row, 200, etag(row.version)


@blueprint.route("/v1/cameras/<uuid:camera_id>", methods=["PATCH"])
@require("camera:write")
@transactional
@blueprint.arguments(CameraChange)
@blueprint.response(200, CameraSchema)
def change_camera(tx: Tx, body: dict[str, Any], camera_id: Any) -> Any:
    """Change a camera; its watcher reads it anew within seconds."""
    row = store.lock_camera(tx, str(camera_id), registry.unit())
    check_if_match(row.version)
    registry.change(tx, row, body, safe())
    changed = store.get_camera(tx, row.id, registry.unit())
    return changed, 200, etag(changed.version)


@blueprint.route("/v1/cameras/<uuid:camera_id>", methods=["DELETE"])
@require("camera:write")
@transactional
@blueprint.response(204)
def remove_camera(tx: Tx, camera_id: Any) -> None:
    """Take a camera out of the registry; its history is kept."""
    row = store.lock_for_removal(tx, str(camera_id), registry.unit())
    check_if_match(row.version)
    registry.remove(tx, row)


@blueprint.route("/v1/cameras/<uuid:camera_id>/relearn", methods=["POST"])
@require("camera:write")
@transactional
@blueprint.response(204)
def relearn_camera(tx: Tx, camera_id: Any) -> None:
    """The camera was moved or set anew on purpose: what it shows and how it sends it now is as it should be."""
    registry.relearn(tx, store.lock_camera(tx, str(camera_id), registry.unit()))


@blueprint.route("/v1/cameras/<uuid:camera_id>/health")
@require("camera:read")
@transactional
@blueprint.arguments(HistoryArguments, location="query")
@blueprint.response(200, HealthSchema)
def show_health(tx: Tx, query: dict[str, Any], camera_id: Any) -> Any:
    """How a camera is, who watches it, and how it was: the newest lines of its history."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    shown = {name: getattr(row, name) for name in ("status", "reason", "since", "faults", "moving", "persons")}
    return shown | {
        "watched_by": store.watched_by(tx, row.id),
        "maintenance": _maintenance(tx, row),
        "measured_at": row.probed_at,
        "wire": row.seen,
        "history": _history(tx, row.id, query),
    }


@blueprint.route("/v1/cameras/<uuid:camera_id>/history")
@require("camera:read")
@transactional
@blueprint.arguments(HistoryArguments, location="query")
@blueprint.response(200, LinePage)
def show_history(tx: Tx, query: dict[str, Any], camera_id: Any) -> Any:
    """Everything that happened to a camera, newest first, whoever watched it."""
    return _history(tx, store.get_camera(tx, str(camera_id), registry.unit()).id, query)


@blueprint.route("/v1/watchers")
@require("camera:read")
@transactional
@blueprint.response(200, WatcherList)
def list_watchers(tx: Tx) -> Any:
    """The processes that watch, and how far their CPU budgets go."""
    return {"items": watch_store.watchers(tx)}


def _history(tx: Tx, camera_id: str, query: dict[str, Any]) -> dict[str, Any]:
    before = paging.decode(query["cursor"], store.LAST_LINE)
    kinds = query["kind"].split(",") if query["kind"] else None
    return paging.page(
        store.lines(tx, camera_id, kinds, before, query["limit"] + 1), query["limit"], lambda row: row.id
    )


def _maintenance(tx: Tx, row: Any) -> str | None:
    now = datetime.datetime.now(datetime.UTC)
    windows = [w for w in watch_store.windows(tx) if w.site == row.site]
    found = planned((Window(w.starts_at, w.ends_at, w.reason, w.camera_id) for w in windows), row.id, now)
    return found.reason if found else None


def _uuid(text: str) -> str:
    """A cursor of ours holds a UUID; anything else begins from the first."""
    return text if len(text) == len(store.NO_CAMERA) else store.NO_CAMERA


BLUEPRINTS = [
    blueprint,
    site_views.blueprint,
    maintenance_views.blueprint,
    recording_views.blueprint,
    import_views.blueprint,
    live_views.blueprint,
]

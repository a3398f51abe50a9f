"""HTTP in: the registry of cameras and whether they answer."""

from __future__ import annotations

import datetime
from typing import Any

from flask import current_app
from marshmallow import Schema, ValidationError, fields, validate

from chassis import audit, paging
from chassis.auth import require
from chassis.context import new_id
from chassis.database import Tx
from chassis.outbox import announce
from chassis.settings import read
from chassis.web import Blueprint, transactional
from ipcam import store
from ipcam.address import AddressRefused, check_url
from ipcam.credentials import Credentials, Safe
from ipcam.domain.health import Status
from ipcam.domain.placement import choose_placement
from ipcam.events import CameraRegistered
from ipcam.settings import CredentialSettings

blueprint = Blueprint("cameras", "cameras", description="Cameras and their health")
BLUEPRINTS = [blueprint]


def rtsp_address(url: str) -> None:
    """An RTSP URL without credentials: those travel in fields of their own, and are never shown again."""
    try:
        check_url(url)
    except AddressRefused as error:
        raise ValidationError(str(error).removeprefix("rtsp_url: ")) from None


class CredentialsSchema(Schema):
    """The camera's account."""

    username = fields.String(required=True, validate=validate.Length(1, 100))
    password = fields.String(required=True, validate=validate.Length(1, 200))


class NewCamera(Schema):
    """A camera to be registered."""

    site = fields.String(required=True, validate=validate.Length(1, 60))
    name = fields.String(required=True, validate=validate.Length(1, 200))
    placement = fields.String(required=True, metadata={"description": "CV 4403/CV-BCĐ 2021"})
    rtsp_url = fields.String(required=True, validate=[validate.Length(max=500), rtsp_address])
    credentials = fields.Nested(CredentialsSchema, load_default=None)


class CameraSchema(Schema):
    """A camera; its credentials are never shown."""

    id = fields.UUID()
    site = fields.String()
    name = fields.String()
    placement = fields.String()
    rtsp_url = fields.String()
    status = fields.String()
    reason = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)
    probed_at = fields.AwareDateTime(allow_none=True)
    seen = fields.Dict(allow_none=True, metadata={"description": "codec, size, fps, latency when it last answered"})


class CameraArguments(paging.PageArguments):
    """Query of the cameras."""

    site = fields.String(load_default=None)
    status = fields.Enum(Status, by_value=True, load_default=None)


class CameraPage(Schema):
    """A page of cameras."""

    items = fields.List(fields.Nested(CameraSchema))
    next = fields.String(allow_none=True)


@blueprint.route("/v1/cameras", methods=["POST"])
@require("camera:write")
@transactional
@blueprint.arguments(NewCamera)
@blueprint.response(201, CameraSchema)
def register_camera(tx: Tx, body: dict[str, Any]) -> Any:
    """Register a camera; the prober asks it at once."""
    camera_id, account = new_id(), body.pop("credentials")
    placement = choose_placement(body["placement"])
    locked = safe().lock(Credentials(**account)) if account else None
    store.add_camera(tx, body | {"id": camera_id, "placement": placement, "credentials": locked})
    at = datetime.datetime.now(datetime.UTC)
    data = {"camera": camera_id, "site": body["site"], "placement": placement, "at": at}
    announce(tx, CameraRegistered, camera_id, data)
    audit.record(tx, "camera.register", f"camera/{camera_id}", after=body)
    return store.get_camera(tx, camera_id), 201, {"Location": f"/v1/cameras/{camera_id}"}


@blueprint.route("/v1/cameras")
@require("camera:read")
@transactional
@blueprint.arguments(CameraArguments, location="query")
@blueprint.response(200, CameraPage)
def list_cameras(tx: Tx, query: dict[str, Any]) -> Any:
    """Cameras, by site and health."""
    after = paging.decode(query["cursor"], store.NO_CAMERA)
    rows = store.list_cameras(tx, query["site"], query["status"], after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/cameras/<uuid:camera_id>")
@require("camera:read")
@transactional
@blueprint.response(200, CameraSchema)
def show_camera(tx: Tx, camera_id: Any) -> Any:
    """One camera, and whether its stream answers."""
    return store.get_camera(tx, str(camera_id))


def safe() -> Safe:
    """The safe of this process, opened at its first use."""
    found: Safe = current_app.extensions.setdefault("safe", None) or Safe(read(CredentialSettings).key)
    current_app.extensions["safe"] = found
    return found

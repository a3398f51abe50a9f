"""HTTP in: many cameras at once from a spreadsheet, and what the network says of cameras that are not registered yet."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from chassis import audit
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, database, transactional
from ipcam import importing, registry, store
from ipcam.asking import asking, safe
from ipcam.discovery import discover
from ipcam.onvif import OnvifAddress, OnvifUnavailable, connected
from ipcam.schemas import CredentialsSchema, onvif_address

blueprint = Blueprint("import", "import", description="Import and discovery")
TYPES = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/octet-stream")
EXAMPLE = (
    "H52-CL-01",
    "Cổng số 2",
    "Cổng ra vào",
    "rtsp://10.20.1.12:554/Streaming/Channels/101",
    "rtsp://10.20.1.12:554/Streaming/Channels/102",
    "http://10.20.1.12/onvif/device_service",
    "tcp",
    "ioc",
    "mật-khẩu-riêng-của-camera",
)


class ImportArguments(Schema):
    """Query of an import."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "check everything, register nothing"})


class ImportSchema(Schema):
    """What an import did."""

    dry_run = fields.Boolean()
    lines = fields.Integer(metadata={"description": "cameras in the file"})
    registered = fields.List(fields.UUID(), metadata={"description": "ids in the order of the lines"})


class DiscoverRequest(Schema):
    """How to ask the network."""

    wait_s = fields.Float(load_default=3.0, validate=validate.Range(0.5, 10))
    interface = fields.String(
        load_default=None,
        allow_none=True,
        metadata={"description": "our own IPv4 address on the cameras' network"},
    )


class FoundSchema(Schema):
    """A device that answered."""

    endpoint = fields.String(metadata={"description": "its unique id"})
    addresses = fields.List(fields.String(), metadata={"description": "of its ONVIF device service"})
    name = fields.String(allow_none=True)
    hardware = fields.String(allow_none=True)
    camera = fields.UUID(allow_none=True, metadata={"description": "the camera that is registered with its address"})


class FoundList(Schema):
    """The devices that answered."""

    items = fields.List(fields.Nested(FoundSchema))


class DeviceRequest(Schema):
    """A device to be asked what it is."""

    onvif_url = fields.String(required=True, validate=[validate.Length(max=500), onvif_address])
    credentials = fields.Nested(CredentialsSchema, load_default=None)


class StreamSchema(Schema):
    """A stream that a device offers."""

    profile = fields.String()
    url = fields.String()
    codec = fields.String(allow_none=True)
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)
    fps = fields.Float(allow_none=True)


class DeviceSchema(Schema):
    """What a device says of itself."""

    manufacturer = fields.String()
    model = fields.String()
    firmware = fields.String()
    serial = fields.String()
    streams = fields.List(fields.Nested(StreamSchema), metadata={"description": "the largest first"})


@blueprint.route("/v1/cameras/import", methods=["POST"])
@require("camera:write")
@transactional
@blueprint.arguments(ImportArguments, location="query")
@blueprint.response(201, ImportSchema)
def import_cameras(tx: Tx, query: dict[str, Any]) -> Any:
    """Register the cameras of a CSV or XLSX file (the body): all, or none with every error by line and column."""
    if request.mimetype not in TYPES:
        raise Problem(415, "Unsupported media type", f"The body must be one of {', '.join(TYPES)}", code="media-type")
    try:
        lines = importing.read_lines(request.get_data())
    except importing.FileRefused as refusal:
        raise Problem(422, "Unprocessable", errors=[{"field": "body", "rule": str(refusal)}]) from None
    cameras, faults = importing.check(tx, lines)
    if faults:
        errors = [{"field": f"dòng {fault.line}, cột {fault.column}", "rule": fault.rule} for fault in faults]
        places = [dataclasses.asdict(fault) for fault in faults]
        raise Problem(422, "Unprocessable", f"{len(faults)} lỗi", code="import", errors=errors, lines=places)
    if query["dry_run"]:
        return {"dry_run": True, "lines": len(cameras), "registered": []}, 200
    registered = importing.register_all(tx, cameras, safe())
    audit.record(tx, "camera.import", "camera", after=registered)
    return {"dry_run": False, "lines": len(cameras), "registered": registered}


@blueprint.route("/v1/cameras/import/template.csv")
@require("camera:write")
@blueprint.alt_response(200, content_type="text/csv", description="The columns, and one line as an example")
def import_template() -> Response:
    """A file to begin with."""
    text = "\ufeff" + ",".join(title.capitalize() for title in importing.COLUMNS) + "\r\n" + ",".join(EXAMPLE) + "\r\n"
    headers = {"Content-Disposition": 'attachment; filename="camera.csv"'}
    return Response(text.encode(), 200, headers, content_type="text/csv; charset=utf-8")


@blueprint.route("/v1/cameras/discover", methods=["POST"])
@require("camera:write")
@blueprint.arguments(DiscoverRequest)
@blueprint.response(200, FoundList)
def discover_cameras(body: dict[str, Any]) -> Any:
    """Ask the network of this process for ONVIF cameras (WS-Discovery); what answers is not trusted, only shown."""
    interface = _address(body["interface"])
    with asking():
        try:
            found = discover(body["wait_s"], interface=interface)
        except OSError as error:
            raise Problem(
                422, "Unprocessable", f"The network cannot be asked: {error.strerror}", code="network"
            ) from None
    with database().transaction() as tx:
        known = store.cameras_by_onvif(tx, registry.unit(), [url for device in found for url in device.addresses])
    items = [dataclasses.asdict(device) for device in found]
    for item in items:
        item["camera"] = next((known[url] for url in item["addresses"] if url in known), None)
    return {"items": items}


@blueprint.route("/v1/cameras/device", methods=["POST"])
@require("camera:write")
@blueprint.arguments(DeviceRequest)
@blueprint.response(200, DeviceSchema)
def ask_device(body: dict[str, Any]) -> Any:
    """Ask a device over ONVIF what it is and which streams it offers, before its camera is registered."""
    account = body["credentials"] or {}
    with asking() as settings:
        try:
            return asyncio.run(_described(OnvifAddress(body["onvif_url"], **account), settings.timeout_s))
        except OnvifUnavailable as error:
            raise Problem(504, "The device does not answer", code="device-away", reason=error.reason) from None


async def _described(address: OnvifAddress, timeout_s: float) -> dict[str, Any]:
    async with connected(address, timeout_s) as device:
        information = dataclasses.asdict(await device.information())
        return information | {"streams": [dataclasses.asdict(stream) for stream in await device.streams()]}


def _address(text: str | None) -> str | None:
    try:
        return text and str(ipaddress.IPv4Address(text))
    except ValueError:
        errors = [{"field": "interface", "rule": "an IPv4 address of our own"}]
        raise Problem(422, "Unprocessable", errors=errors) from None

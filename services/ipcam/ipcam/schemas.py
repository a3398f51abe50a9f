"""The shapes of cameras and watchers over HTTP, and the rules that a shape alone can break."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from marshmallow import Schema, ValidationError, fields, validate

from chassis import paging
from ipcam.address import AddressRefused, check_url
from ipcam.domain.faults import Fault
from ipcam.domain.health import Status
from ipcam.domain.motion import AreaRefused, check_areas
from ipcam.site_schemas import CODE


def rtsp_address(url: str) -> None:
    """An RTSP URL without credentials: those travel in fields of their own, and are never shown again."""
    try:
        check_url(url)
    except AddressRefused as error:
        raise ValidationError(str(error).removeprefix("rtsp_url: ")) from None


def onvif_address(url: str) -> None:
    """An HTTP URL of a device service, without credentials."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or any(not 32 < ord(c) < 127 for c in url):
        raise ValidationError("must be http://host:port/path of the device service")
    if "@" in urlsplit(url).netloc:
        raise ValidationError("credentials belong in username and password, never in the address")


def motion_areas(value: dict[str, Any]) -> None:
    """Polygons whose corners are shares of the picture."""
    try:
        check_areas(value.get("areas") or {}, value.get("masks") or [])
    except AreaRefused as error:
        raise ValidationError(str(error)) from None


def forbidden_areas(value: dict[str, Any]) -> None:
    """Polygons whose corners are shares of the picture."""
    try:
        check_areas(value, [])
    except AreaRefused as error:
        raise ValidationError(str(error).removeprefix("areas.")) from None


class CredentialsSchema(Schema):
    """The camera's account."""

    username = fields.String(required=True, validate=validate.Length(1, 100))
    password = fields.String(required=True, validate=validate.Length(1, 200))


def _corners() -> fields.Field[Any]:
    return fields.List(fields.List(fields.Float(), validate=validate.Length(equal=2)), validate=validate.Length(3, 30))


def _areas(least: int, **more: Any) -> fields.Dict:
    name = fields.String(validate=validate.Length(1, 40))
    checks = [validate.Length(least, 8), *more.pop("validate", ())]
    return fields.Dict(keys=name, values=_corners(), validate=checks, **more)


class MotionSchema(Schema):
    """Where motion is looked for: named areas (none: the whole picture), less the masks; corners from 0 to 1."""

    areas = _areas(0, load_default=dict)
    masks = fields.List(_corners(), load_default=list, validate=validate.Length(max=16))


class CameraChange(Schema):
    """What may change of a camera; what is not named stays. `credentials: null` forgets the account."""

    name = fields.String(validate=validate.Length(1, 200))
    placement = fields.String(validate=validate.Length(1, 100), metadata={"description": "CV 4403/CV-BCĐ 2021"})
    rtsp_url = fields.String(validate=[validate.Length(max=500), rtsp_address])
    sub_url = fields.String(
        allow_none=True,
        validate=[validate.Length(max=500), rtsp_address],
        metadata={"description": "the small stream, which is watched; default: rtsp_url"},
    )
    onvif_url = fields.String(allow_none=True, validate=[validate.Length(max=500), onvif_address])
    transport = fields.String(validate=validate.OneOf(["tcp", "udp"]))
    credentials = fields.Nested(CredentialsSchema, allow_none=True)
    motion = fields.Nested(MotionSchema, allow_none=True, validate=motion_areas)
    forbidden_areas = _areas(
        1,
        allow_none=True,
        validate=[forbidden_areas],
        metadata={"description": "areas where nobody may be: people are looked for there; null: nowhere"},
    )


class NewCamera(CameraChange):
    """A camera to be registered."""

    site = fields.String(required=True, validate=CODE)
    name = fields.String(required=True, validate=validate.Length(1, 200))
    placement = fields.String(
        required=True, validate=validate.Length(1, 100), metadata={"description": "CV 4403/CV-BCĐ 2021"}
    )
    rtsp_url = fields.String(required=True, validate=[validate.Length(max=500), rtsp_address])


class RegisterArguments(Schema):
    """Query of a registration."""

    require_answer = fields.Boolean(
        load_default=False, metadata={"description": "refuse a camera that does not send video now"}
    )


class ProbeRequest(Schema):
    """A stream to be asked once."""

    rtsp_url = fields.String(required=True, validate=[validate.Length(max=500), rtsp_address])
    transport = fields.String(load_default="tcp", validate=validate.OneOf(["tcp", "udp"]))
    credentials = fields.Nested(CredentialsSchema, load_default=None)


class ProbeSchema(Schema):
    """What a stream answered."""

    ok = fields.Boolean()
    reason = fields.String(allow_none=True, metadata={"description": "why not: wrong_password, timeout, …"})
    codec = fields.String(allow_none=True)
    width = fields.Integer(allow_none=True)
    height = fields.Integer(allow_none=True)
    fps = fields.Float(allow_none=True, metadata={"description": "as declared"})
    measured_fps = fields.Float(allow_none=True, metadata={"description": "by arrival"})
    latency_ms = fields.Integer(allow_none=True, metadata={"description": "until the first picture"})
    audio = fields.Boolean()


class CameraSchema(Schema):
    """A camera; its credentials are never shown."""

    id = fields.UUID()
    site = fields.String()
    name = fields.String()
    placement = fields.String()
    rtsp_url = fields.String()
    sub_url = fields.String(allow_none=True)
    onvif_url = fields.String(allow_none=True)
    transport = fields.String()
    motion = fields.Nested(MotionSchema, allow_none=True)
    forbidden_areas = fields.Dict(allow_none=True)
    has_credentials = fields.Boolean()
    status = fields.String()
    reason = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)
    faults = fields.Dict(metadata={"description": "fault → since when, those that are raised"})
    probed_at = fields.AwareDateTime(allow_none=True, metadata={"description": "when `seen` was measured"})
    seen = fields.Dict(allow_none=True, metadata={"description": "the stream as measured on the wire"})
    version = fields.Integer()


class CameraArguments(paging.PageArguments):
    """Query of the cameras."""

    site = fields.String(load_default=None)
    status = fields.Enum(Status, by_value=True, load_default=None)
    fault = fields.Enum(Fault, by_value=True, load_default=None)


class CameraPage(Schema):
    """A page of cameras."""

    items = fields.List(fields.Nested(CameraSchema))
    next = fields.String(allow_none=True)


class LineSchema(Schema):
    """One line of a camera's history."""

    id = fields.Integer()
    kind = fields.String()
    at = fields.AwareDateTime()
    since = fields.AwareDateTime(allow_none=True)
    event_id = fields.UUID(allow_none=True)
    worker = fields.String(allow_none=True, metadata={"description": "the watcher that saw it"})
    epoch = fields.Integer(allow_none=True, metadata={"description": "of the lease under which it was written"})
    planned = fields.Boolean(metadata={"description": "under maintenance"})
    data = fields.Dict()


class LinePage(Schema):
    """A page of history, newest first."""

    items = fields.List(fields.Nested(LineSchema))
    next = fields.String(allow_none=True)


class HistoryArguments(paging.PageArguments):
    """Query of a history."""

    kind = fields.String(load_default=None, metadata={"description": "one or several, such as offline,fault_raised"})


class WatchedSchema(Schema):
    """Who watches a camera."""

    worker = fields.String(allow_none=True)
    epoch = fields.Integer()
    held = fields.Boolean(metadata={"description": "false: nobody holds it now"})


class HealthSchema(Schema):
    """How a camera is, and since when."""

    status = fields.String()
    reason = fields.String(allow_none=True)
    since = fields.AwareDateTime(allow_none=True)
    faults = fields.Dict(metadata={"description": "fault → since when"})
    moving = fields.Dict(metadata={"description": "area → since when something moves there"})
    persons = fields.Dict(metadata={"description": "forbidden area → since when somebody is there"})
    watched_by = fields.Nested(WatchedSchema, allow_none=True)
    maintenance = fields.String(
        allow_none=True, metadata={"description": "the reason of the outage that is planned now"}
    )
    measured_at = fields.AwareDateTime(allow_none=True)
    wire = fields.Dict(allow_none=True)
    history = fields.Nested(LinePage)


class WatcherSchema(Schema):
    """A watcher process, and how far its CPU budget goes."""

    name = fields.String()
    started_at = fields.AwareDateTime()
    seen_at = fields.AwareDateTime()
    state = fields.Dict()


class WatcherList(Schema):
    """The watchers that were seen within a day."""

    items = fields.List(fields.Nested(WatcherSchema))

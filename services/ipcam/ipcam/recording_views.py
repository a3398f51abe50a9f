"""HTTP in: pictures and clips of a camera, taken on demand or of an event, and the mosaic of a site; every look is audited."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from flask import Response, current_app, make_response
from marshmallow import Schema, fields, validate

from chassis import audit, context, idempotency, objects, paging
from chassis.auth import require
from chassis.context import new_id
from chassis.database import Tx
from chassis.problems import Problem
from chassis.settings import read
from chassis.web import Blueprint, database, transactional
from ipcam import mosaic, recorder, recording_store, registry, retention, store
from ipcam.address import Source
from ipcam.asking import asking, safe
from ipcam.capture import capture
from ipcam.settings import PictureSettings, RetentionSettings

blueprint = Blueprint("recordings", "recordings", description="Pictures and clips")
DAY_S = 86400.0


class RecordingSchema(Schema):
    """A picture or a clip; its bytes are under `/content`."""

    id = fields.UUID()
    camera = fields.UUID()
    kind = fields.String(metadata={"description": "snapshot or clip"})
    class_ = fields.String(
        attribute="class", data_key="class", metadata={"description": "on_demand or event: how long it is kept"}
    )
    event_id = fields.UUID(allow_none=True, metadata={"description": "the event that it shows"})
    taken_at = fields.AwareDateTime()
    taken_by = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer(allow_none=True)
    sha256 = fields.String(allow_none=True)
    state = fields.String(metadata={"description": "reserved, kept, lost or deleted"})
    expires_at = fields.AwareDateTime()
    deleted_at = fields.AwareDateTime(allow_none=True)
    proof = fields.String(allow_none=True, metadata={"description": "how it was made sure that the object is gone"})


class RecordingPage(Schema):
    """A page of pictures and clips."""

    items = fields.List(fields.Nested(RecordingSchema))
    next = fields.String(allow_none=True)


class RecordingArguments(paging.PageArguments):
    """Query of pictures and clips."""

    event_id = fields.UUID(load_default=None)
    kind = fields.String(load_default=None, validate=validate.OneOf(["snapshot", "clip"]))


@blueprint.route("/v1/cameras/<uuid:camera_id>/snapshots", methods=["POST"])
@require("camera:view")
@blueprint.response(201, RecordingSchema)
def take_snapshot(camera_id: Any) -> Any:
    """Take a picture now, in full size, and keep it. Audited."""
    key, place = idempotency.key(), _keep()
    with database().transaction() as tx:
        if key and (known := idempotency.find_answer(tx, key)):
            return known
        row = store.get_secret_camera(tx, str(camera_id), registry.unit())
    with asking() as settings:
        data, at = capture(_source(row), settings.timeout_s)
    recording_id = new_id()
    with database().transaction() as tx:
        _reserve(tx, recording_id, row, at)
    objects.put_bytes(place, data, recording_id)
    with database().transaction() as tx:
        recorder.note_kept(tx, recording_id, row.site, data)
        audit.record(tx, "camera.snapshot", f"camera/{row.id}/recordings/{recording_id}")
        answer = make_response(RecordingSchema().dump(recording_store.get(tx, row.id, recording_id)), 201)
        answer.headers["Location"] = f"/v1/cameras/{row.id}/recordings/{recording_id}"
        if key:
            idempotency.keep_answer(tx, key, answer)
    return answer


@blueprint.route("/v1/cameras/<uuid:camera_id>/recordings")
@require("camera:read")
@transactional
@blueprint.arguments(RecordingArguments, location="query")
@blueprint.response(200, RecordingPage)
def list_recordings(tx: Tx, query: dict[str, Any], camera_id: Any) -> Any:
    """Pictures and clips of a camera in the order in which they were taken, the deleted ones too."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    after = paging.decode(query["cursor"], store.NO_CAMERA)
    event_id = str(query["event_id"]) if query["event_id"] else None
    rows = recording_store.of_camera(tx, row.id, event_id, query["kind"], after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda found: found.id)


@blueprint.route("/v1/cameras/<uuid:camera_id>/recordings/<uuid:recording_id>")
@require("camera:read")
@transactional
@blueprint.response(200, RecordingSchema)
def show_recording(tx: Tx, camera_id: Any, recording_id: Any) -> Any:
    """What is known of a picture or clip."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    return recording_store.get(tx, row.id, str(recording_id)) or _missing()


@blueprint.route("/v1/cameras/<uuid:camera_id>/recordings/<uuid:recording_id>/content")
@require("camera:view")
@blueprint.alt_response(200, content_type="image/jpeg", description="The bytes: image/jpeg or video/mp4")
def get_content(camera_id: Any, recording_id: Any) -> Response:
    """The bytes of a picture or clip. Audited: who looked at what, when."""
    place = _keep()
    with database().transaction() as tx:
        row = store.get_camera(tx, str(camera_id), registry.unit())
        found = recording_store.get(tx, row.id, str(recording_id)) or _missing()
        if found.state == "kept":
            audit.record(tx, "recording.look", f"camera/{row.id}/recordings/{found.id}")
    if found.state != "kept":
        raise _not_there(found)
    pieces = _opened(place, found)
    headers = {
        "Content-Length": str(found.size_bytes),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Content-Disposition": "inline",
        "Digest": f"sha-256={found.sha256}",
    }
    return Response(pieces, 200, headers, content_type=found.media_type)


@blueprint.route("/v1/cameras/<uuid:camera_id>/recordings/<uuid:recording_id>", methods=["DELETE"])
@require("camera:write")
@blueprint.response(200, RecordingSchema)
def delete_recording(camera_id: Any, recording_id: Any) -> Any:
    """Delete a picture or clip before its time (NĐ 13/2023, art. 16); the answer says how it was made sure that it is gone."""
    place = _keep()
    with database().transaction() as tx:
        row = store.get_camera(tx, str(camera_id), registry.unit())
        found = recording_store.get(tx, row.id, str(recording_id)) or _missing()
    if found.state != "deleted":
        retention.delete(database(), place, found)
    with database().transaction() as tx:
        return recording_store.get(tx, row.id, found.id)


@blueprint.route("/v1/sites/<code>/mosaic.jpg")
@require("camera:view")
@transactional
@blueprint.alt_response(200, content_type="image/jpeg", description="All cameras of the site as one picture")
def show_mosaic(tx: Tx, code: str) -> Response:
    """All cameras of a site as one picture: the newest look at each, at most 64. Audited."""
    site = store.get_site(tx, code, registry.unit())
    cameras = store.thumbnails(tx, site.code, mosaic.MOST)
    audit.record(tx, "site.mosaic", f"site/{site.code}", after=[row.id for row in cameras])
    picture = mosaic.draw(f"{site.code} · {site.name}", cameras, datetime.datetime.now(datetime.UTC))
    return Response(picture, content_type="image/jpeg")


def _source(row: Any) -> Source:
    account = safe().unlock(row.credentials)
    username, password = (account.username, account.password) if account else (None, None)
    return Source(row.id, row.rtsp_url, username, password, row.transport)


def _reserve(tx: Tx, recording_id: str, row: Any, at: datetime.datetime) -> None:
    recording_store.reserve(
        tx,
        recording_id,
        row.id,
        kind="snapshot",
        kept_as="on_demand",
        event_id=None,
        taken_at=at,
        taken_by=context.current().caller.subject,
        media_type="image/jpeg",
        keep_s=read(RetentionSettings).on_demand_days * DAY_S,
    )


def _opened(place: objects.Keep, found: Any) -> Iterator[bytes]:
    try:
        return place.pieces(found.id)
    except FileNotFoundError:
        raise Problem(410, "Gone", "Không còn tệp này trong kho", code="recording-lost") from None


def _not_there(found: Any) -> Problem:
    if found.state == "reserved":
        return Problem(404, "Not there yet", "Tệp đang được ghi", code="recording-coming", headers={"Retry-After": "2"})
    if found.state == "deleted":
        return Problem(410, "Gone", f"Đã xóa: {found.proof}", code="recording-deleted")
    return Problem(410, "Gone", "Không ghi được tệp này", code="recording-lost")


def _keep() -> objects.Keep:
    known = current_app.extensions.get("keep") or _open_keep()
    if known is None:
        raise Problem(503, "No place for pictures", "CAMERA_FILES_FOLDER or S3_ENDPOINT is not set", code="no-store")
    current_app.extensions["keep"] = known
    return known


def _open_keep() -> objects.Keep | None:
    return objects.open_keep(read(PictureSettings).folder, read(objects.ObjectSettings))


def _missing() -> Any:
    raise Problem(404, "Not found", "Không có tệp này", code="no-such-recording")

"""HTTP in: signed addresses of living pictures, and, in the live process, the pictures themselves; every look is audited."""

from __future__ import annotations

import datetime
import re
import time
from pathlib import Path
from typing import Any

from flask import Response, current_app, make_response, request, send_from_directory
from marshmallow import Schema, fields

from chassis import audit, context, paging
from chassis.auth import public, require
from chassis.context import Caller, new_id, running
from chassis.database import Database, Tx
from chassis.problems import Problem
from chassis.settings import AuthSettings, WebSettings, read
from chassis.web import Blueprint, create_app, database, transactional
from ipcam import registry, store, viewing_store
from ipcam.address import Source
from ipcam.asking import safe
from ipcam.errors import problem_of
from ipcam.live import LiveStream, LiveStreams, TooManyShown
from ipcam.settings import LiveSettings, ProbingSettings
from ipcam.signing import COOKIE, AddressNotGood, Grant, Signer

blueprint = Blueprint("live", "live", description="Living pictures")
pictures = Blueprint("pictures", "pictures", description="The pictures themselves")
STATIC = Path(__file__).with_name("static")
SEGMENT = re.compile(r"(init\.mp4|s\d{5}\.m4s)\Z")
SEEN_EVERY_S = 10.0
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; worker-src blob:; frame-ancestors 'self'"
)


class ViewSchema(Schema):
    """Leave to look at one camera for a short while."""

    id = fields.UUID()
    playlist_url = fields.String(metadata={"description": "HLS; good for this viewer only, until `expires_at`"})
    expires_at = fields.AwareDateTime()


class ViewingSchema(Schema):
    """Who looked at a camera, and how long."""

    id = fields.UUID()
    camera = fields.UUID()
    viewer = fields.String()
    granted_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    began_at = fields.AwareDateTime(allow_none=True, metadata={"description": "null: never looked"})
    last_seen_at = fields.AwareDateTime(allow_none=True)


class ViewingPage(Schema):
    """A page of viewings."""

    items = fields.List(fields.Nested(ViewingSchema))
    next = fields.String(allow_none=True)


@blueprint.route("/v1/cameras/<uuid:camera_id>/views", methods=["POST"])
@require("camera:view")
@transactional
@blueprint.response(201, ViewSchema)
def grant_view(tx: Tx, camera_id: Any) -> Any:
    """Leave to look at a camera's living picture: an address for this viewer only, for a few minutes. Audited."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    settings, signer = _settings()
    viewer, now = context.current().caller.subject, datetime.datetime.now(datetime.UTC)
    expires_at = now.replace(microsecond=0) + datetime.timedelta(seconds=settings.lasts_s)
    grant = Grant(new_id(), row.id, viewer, int(expires_at.timestamp()))
    viewing_store.grant(tx, grant.id, row.id, viewer, now, expires_at)
    audit.record(tx, "camera.view", f"camera/{row.id}/views/{grant.id}")
    path = f"{settings.url}/live/{grant.camera_id}/{grant.id}/{grant.expires_s}/{signer.sign(grant)}/index.m3u8"
    answer = make_response(ViewSchema().dump({"id": grant.id, "playlist_url": path, "expires_at": expires_at}), 201)
    answer.set_cookie(
        COOKIE,
        signer.cookie(viewer, grant.expires_s),
        max_age=settings.lasts_s,
        path="/live",
        httponly=True,
        samesite="Strict",
        secure=request.is_secure or settings.url.startswith("https:"),
    )
    return answer


@blueprint.route("/v1/cameras/<uuid:camera_id>/views")
@require("audit:read")
@transactional
@blueprint.arguments(paging.PageArguments, location="query")
@blueprint.response(200, ViewingPage)
def list_views(tx: Tx, query: dict[str, Any], camera_id: Any) -> Any:
    """Who looked at a camera's living picture, when and how long."""
    row = store.get_camera(tx, str(camera_id), registry.unit())
    after = paging.decode(query["cursor"], store.NO_CAMERA)
    rows = viewing_store.of_camera(tx, row.id, after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda found: found.id)


@pictures.route("/live/<uuid:camera_id>/<uuid:view_id>/<int:expires_s>/<signature>/index.m3u8")
@public
def playlist(camera_id: Any, view_id: Any, expires_s: int, signature: str) -> Response:
    """The playlist, for the viewer to whom its address was given; the first look begins to read the camera."""
    grant = _checked(camera_id, view_id, expires_s, signature)
    stream = _looked_at(grant)
    stream.wait_first()
    # FFmpeg rounds half a second down, and a player would ask again without a pause.
    text = (stream.folder / "live.m3u8").read_text().replace("TARGETDURATION:0\n", "TARGETDURATION:1\n")
    return Response(text, content_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-store"})


@pictures.route("/live/<uuid:camera_id>/<uuid:view_id>/<int:expires_s>/<signature>/<name>")
@public
def segment(camera_id: Any, view_id: Any, expires_s: int, signature: str, name: str) -> Response:
    """One piece of the picture, for the same viewer."""
    grant = _checked(camera_id, view_id, expires_s, signature)
    stream = _streams().known(grant.camera_id)
    if stream is None or not SEGMENT.match(name):
        raise Problem(404, "Not found", "Không có đoạn hình này", code="no-such-segment")
    return send_from_directory(stream.folder, name, mimetype="video/mp4", max_age=0)


@pictures.route("/live")
@public
def page() -> Response:
    """A plain page that shows one camera; it holds nothing, and asks for a token."""
    answer = make_response(send_from_directory(STATIC, "live.html"))
    answer.headers["Content-Security-Policy"] = PAGE_POLICY
    return answer


@pictures.route("/live/static/<name>")
@public
def static_file(name: str) -> Response:
    """The page's own script, style and player."""
    if name not in ("live.js", "live.css", "hls.light.min.js"):
        raise Problem(404, "Not found", code="no-such-file")
    return send_from_directory(STATIC, name, max_age=3600)


def _checked(camera_id: Any, view_id: Any, expires_s: int, signature: str) -> Grant:
    """The grant of an address, once the caller is known to be its viewer. Raises Problem 403."""
    _, signer = _settings()
    grant = Grant(str(view_id), str(camera_id), _viewer(signer), expires_s)
    try:
        signer.check(grant, signature, time.time())
    except AddressNotGood:
        raise Problem(403, "Forbidden", "Địa chỉ đã hết hạn hoặc không phải của người xem này", code="view") from None
    return grant


def _viewer(signer: Signer) -> str:
    """Who asks: by the token, or by the cookie that came with the address; nobody is the empty viewer."""
    if request.headers.get("Authorization"):
        caller: Caller = current_app.extensions["authenticator"].authenticate()
        return caller.subject
    return signer.viewer_of(request.cookies.get(COOKIE, ""), time.time()) or ""


def _looked_at(grant: Grant) -> LiveStream:
    """The camera's stream; that somebody looks is noted every SEEN_EVERY_S."""
    seen: dict[str, float] = current_app.extensions.setdefault("seen", {})
    if time.monotonic() - seen.get(grant.id, -SEEN_EVERY_S) >= SEEN_EVERY_S:
        if len(seen) > 10_000:
            seen.clear()
        seen[grant.id] = time.monotonic()
        _note_look(grant)
    try:
        return _streams().look(grant.camera_id, lambda: _source(grant))
    except TooManyShown:
        raise Problem(503, "Too many cameras are being looked at", headers={"Retry-After": "10"}) from None


def _note_look(grant: Grant) -> None:
    viewer = Caller(grant.viewer, role="viewer", address=request.remote_addr)
    now = context.current()
    with running(context.Context(now.correlation_id, caller=viewer)), database().transaction() as tx:
        if viewing_store.see(tx, grant.id):
            audit.record(tx, "camera.look", f"camera/{grant.camera_id}/views/{grant.id}")


def _source(grant: Grant) -> Source:
    """The camera as it is registered now; whether the viewer may see it was asked when the address was given out."""
    with database().transaction() as tx:
        row = store.get_secret_camera(tx, grant.camera_id, "*")
    account = safe().unlock(row.credentials)
    username, password = (account.username, account.password) if account else (None, None)
    return Source(row.id, row.rtsp_url, username, password, row.transport)


def _settings() -> tuple[LiveSettings, Signer]:
    found: tuple[LiveSettings, Signer] | None = current_app.extensions.get("live")
    if found is None:
        settings = read(LiveSettings)
        found = current_app.extensions["live"] = (settings, Signer(settings.key))
    return found


def _streams() -> LiveStreams:
    found: LiveStreams = current_app.extensions["streams"]
    return found


def build_live(auth: AuthSettings, web: WebSettings, pool: Database) -> Any:
    """The application of the live process: addresses, pictures and page, from one origin."""
    settings = read(LiveSettings)
    app = create_app("ipcam", [blueprint, pictures], pool, auth, web, problem_of)
    app.extensions["live"] = (settings, Signer(settings.key))  # a key that is too short stops the start
    app.extensions["streams"] = LiveStreams(read(ProbingSettings).timeout_s, settings.idle_s, settings.most)
    return app

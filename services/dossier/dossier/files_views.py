"""HTTP in: the files of a dossier."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.http import parse_options_header

from chassis import audit, context
from chassis.auth import require
from chassis.context import new_id
from chassis.database import Tx
from chassis.objects import StoreAway
from chassis.problems import Problem
from chassis.web import Blueprint, database, transactional
from dossier import desk, files, files_store, files_sweep, reading, settings
from dossier.search_words import without_accents

blueprint = Blueprint("files", "files", description="Files of a dossier")
KINDS = ("application", "supplement", "result", "other")
MOST_FILES = 200
AS_IT_IS = "Gửi chính nội dung tệp làm thân yêu cầu, không phải biểu mẫu multipart"


class FileArguments(Schema):
    """What the file is to the dossier. Its name comes in Content-Disposition: names of people do not belong in URLs."""

    kind = fields.String(load_default="application", validate=validate.OneOf(KINDS))


class FileSchema(Schema):
    """A file; its media type is what its content says."""

    id = fields.String()
    name = fields.String()
    kind = fields.String()
    media_type = fields.String()
    size_bytes = fields.Integer()
    sha256 = fields.String()
    added_at = fields.AwareDateTime()
    added_by = fields.String()


class FileList(Schema):
    """The files of a dossier, at most 200."""

    items = fields.List(fields.Nested(FileSchema))


def changeable(tx: Tx, code: str) -> str:
    """The code of a dossier whose files the caller may change. Raises NoSuchDossier, WrongUnit."""
    dossier = reading.readable(tx, code).dossier
    if not desk.covers(dossier):
        raise desk.WrongUnit(dossier.unit)
    return dossier.code


@blueprint.route("/v1/dossiers/<code>/files", methods=["POST"])
@require("dossier:write")
@blueprint.arguments(FileArguments, location="query")
@blueprint.response(201, FileSchema)
def add_file(query: dict[str, Any], code: str) -> Any:
    """Add a file: the body is its bytes, Content-Disposition its name. The same file sent again is the one there is.

    Nothing is open in the database while the bytes come in; a file is seen only when they are kept.
    """
    keep, limit = _keep(), settings.files().limit_bytes
    if request.mimetype.startswith("multipart/"):
        raise Problem(415, "File refused", errors=[{"field": "body", "rule": AS_IT_IS}])
    request.max_content_length = limit
    with database().transaction() as tx:
        changeable(tx, code)
        if files_store.count(tx, code) >= MOST_FILES:
            raise Problem(409, "Too many files", f"Một hồ sơ có nhiều nhất {MOST_FILES} tệp", code="too-many-files")
    try:
        with files.received(request.stream, keep.folder(), limit) as draft:
            return _kept(keep, draft, code, query["kind"])
    except files.FileRefused as refusal:
        raise Problem(refusal.status, "File refused", errors=[{"field": "body", "rule": str(refusal)}]) from None


def _kept(keep: files.Keep, draft: files.Draft, code: str, kind: str) -> Any:
    name, file_id = files.shown_name(_sent_name(), draft.media_type), new_id()
    now, by = datetime.datetime.now(datetime.UTC), context.current().caller.subject
    with database().transaction() as tx:
        if found := files_store.same(tx, code, name, kind, draft.sha256):
            return found, 200
        files_store.announce(tx, file_id, code, name, kind, draft, now, by)
    keep.put(draft.path, file_id)
    with database().transaction() as tx:
        changeable(tx, code)
        files_store.kept(tx, file_id)
        audit.record(tx, "dossier.add-file", f"dossier/{code}/files/{file_id}", after={"sha256": draft.sha256})
        return files_store.get(tx, code, file_id), 201, {"Location": f"/v1/dossiers/{code}/files/{file_id}"}


def _sent_name() -> str:
    _, options = parse_options_header(request.headers.get("Content-Disposition", ""))
    return options.get("filename", "")


@blueprint.route("/v1/dossiers/<code>/files")
@require("dossier:read")
@transactional
@blueprint.response(200, FileList)
def list_files(tx: Tx, code: str) -> dict[str, Any]:
    """The files of a dossier, in the order in which they came."""
    return {"items": files_store.of_dossier(tx, reading.readable(tx, code).dossier.code)}


@blueprint.route("/v1/dossiers/<code>/files/<file_id>")
@require("dossier:read")
@blueprint.alt_response(200, content_type="application/octet-stream", description="The bytes, to be saved")
def get_file(code: str, file_id: str) -> Response:
    """The bytes of a file, to be saved and never shown inside a page. Audited."""
    keep = _keep()
    with database().transaction() as tx:
        reading.readable(tx, code)
        found = files_store.get(tx, code, file_id) or _missing()
        audit.record(tx, "dossier.read-file", f"dossier/{code}/files/{file_id}")
    try:
        pieces = keep.pieces(found.id)
    except FileNotFoundError:
        raise Problem(410, "Gone", "Không còn nội dung của tệp này trong kho tệp", code="file-lost") from None
    headers = {
        "Content-Disposition": _disposition(found.name),
        "Content-Length": str(found.size_bytes),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Digest": f"sha-256={found.sha256}",
    }
    return Response(pieces, 200, headers, content_type=found.media_type)


@blueprint.route("/v1/dossiers/<code>/files/<file_id>", methods=["DELETE"])
@require("dossier:write")
@blueprint.response(204)
def remove_file(code: str, file_id: str) -> None:
    """Remove a file; that it was there, and who removed it, is not forgotten."""
    keep = _keep()
    with database().transaction() as tx:
        code = changeable(tx, code)
        now = datetime.datetime.now(datetime.UTC)
        sha256 = files_store.remove(tx, code, file_id, now, context.current().caller.subject) or _missing()
        audit.record(tx, "dossier.remove-file", f"dossier/{code}/files/{file_id}", before={"sha256": sha256})
    with contextlib.suppress(StoreAway):  # then the scheduler removes the bytes
        files_sweep.sweep(database(), keep)


def _disposition(name: str) -> str:
    """`attachment` with the name as RFC 6266 wants it: a header holds ASCII only, so what is not comes encoded."""
    plain = without_accents(name) if name.isprintable() else "tep"
    plain = "".join(letter for letter in plain if letter.isascii() and letter not in '"\\\\')
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _keep() -> files.Keep:
    keep = files.keep()
    if keep is None:
        raise Problem(503, "No place for files", "DOSSIER_FILES_FOLDER or S3_ENDPOINT is not set", code="no-file-store")
    return keep


def _missing() -> Any:
    raise Problem(404, "Not found", "Không có tệp này", code="no-such-file")

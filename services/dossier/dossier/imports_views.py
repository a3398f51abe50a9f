"""HTTP in: imports of other systems' dossiers, and what became of their lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import HTTPException

from chassis import context, idempotency, paging
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, database, transactional
from dossier import imports, imports_store, settings
from dossier.import_lines import ImportLineSchema

blueprint = Blueprint("imports", "imports", description="Imports of other one-stop systems")
MEDIA_TYPES = ("application/x-ndjson", "application/jsonl")
BODY = {
    "required": True,
    "content": {MEDIA_TYPES[0]: {"schema": ImportLineSchema}},
    "description": "one JSON object a line, each a dossier with its whole history",
}


class ImportArguments(Schema):
    """Where the dossiers come from."""

    source = fields.String(required=True, validate=validate.Regexp(imports.SOURCE + r"\Z"))


class ImportErrorSchema(Schema):
    """What is wrong with one field of one line."""

    line = fields.Integer(metadata={"description": "from 1"})
    field = fields.String(metadata={"description": "place of the value, such as `acts.2.at`; `line`: the line itself"})
    rule = fields.String()


class ImportSchema(Schema):
    """An import, and what became of its lines."""

    id = fields.Integer()
    source = fields.String()
    state = fields.String(metadata={"enum": ["running", "interrupted", "finished"]})
    requested_by = fields.String()
    started_at = fields.AwareDateTime()
    touched_at = fields.AwareDateTime(metadata={"description": "of a running import: when it last kept something"})
    finished_at = fields.AwareDateTime(allow_none=True)
    lines = fields.Integer(metadata={"description": "lines that are done"})
    offset_bytes = fields.Integer(metadata={"description": "where the next line begins"})
    added = fields.Integer()
    extended = fields.Integer(metadata={"description": "dossiers that were there, and whose history became longer"})
    unchanged = fields.Integer()
    bad = fields.Integer()


class ImportReportSchema(ImportSchema):
    """An import at its end, with its first errors."""

    errors = fields.List(fields.Nested(ImportErrorSchema))
    errors_url = fields.String(allow_none=True, metadata={"description": "all of them"})


class ImportErrorPage(Schema):
    """A page of errors, by line."""

    items = fields.List(fields.Nested(ImportErrorSchema))
    next = fields.String(allow_none=True)


@blueprint.route("/v1/imports", methods=["POST"])
@blueprint.doc(requestBody=BODY)  # above `require`, which writes its own
@require("dossier:import")
@blueprint.arguments(ImportArguments, location="query")
@blueprint.response(201, ImportReportSchema)
def add_import(query: dict[str, Any]) -> Any:
    """Import dossiers from NDJSON as it streams in, batch by batch; answered when the last line is done.

    Good lines are kept and bad ones reported; a line that was imported before changes nothing. After a broken
    connection send the same again: with the same Idempotency-Key it goes on where it stopped.
    """
    if request.mimetype not in MEDIA_TYPES:
        raise Problem(415, "Unsupported media type", f"The body must be {MEDIA_TYPES[0]}", code="media-type")
    request.max_content_length = settings.imports().limit_bytes
    try:
        with imports.begun(database(), query["source"], idempotency.key()) as work:
            if work.run.source != query["source"]:
                raise imports.AnotherFile
            for _ in work.take(_pieces(request.stream)):
                pass
    except imports.AnotherFile:
        raise Problem(422, "Idempotency-Key was used for another request", code="idempotency-key") from None
    except imports.InHand:
        raise Problem(409, "Conflict", "This import is being worked at", headers={"Retry-After": "5"}) from None
    except imports.Busy:
        raise Problem(503, "Temporarily unavailable", headers={"Retry-After": "5"}) from None
    return _report(work.run.id), 201, {"Location": f"/v1/imports/{work.run.id}"}


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """The body; read in a thread that knows nothing of the request."""
    while True:
        try:
            piece = stream.read(imports.PIECE_BYTES)
        except HTTPException:
            raise
        except Exception as error:  # the server's words for a connection that broke, and for chunks that are none
            raise Problem(400, "Bad request", "The body broke off", code="body") from error
        if not piece:
            return
        yield piece


def _report(run_id: int) -> Any:
    with database().transaction() as tx:
        run, errors = _readable(tx, run_id), imports_store.errors(tx, run_id, [0, 0], 100)
    more = f"/v1/imports/{run_id}/errors" if errors else None
    return vars(run) | {"errors": errors, "errors_url": more}


@blueprint.route("/v1/imports/<int:run_id>")
@require("dossier:import")
@transactional
@blueprint.response(200, ImportSchema)
def show_import(tx: Tx, run_id: int) -> Any:
    """How far an import is, and what became of its lines."""
    return _readable(tx, run_id)


@blueprint.route("/v1/imports/<int:run_id>/errors")
@require("dossier:import")
@transactional
@blueprint.arguments(paging.PageArguments, location="query")
@blueprint.response(200, ImportErrorPage)
def list_errors(tx: Tx, query: dict[str, Any], run_id: int) -> Any:
    """What is wrong with the bad lines of an import."""
    after, limit = paging.decode(query["cursor"], [0, 0]), query["limit"]
    if not (len(after) == 2 and all(type(part) is int and 0 <= part < 2**31 for part in after)):
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor handed out here"}])
    rows = imports_store.errors(tx, _readable(tx, run_id).id, after, limit + 1)
    return paging.page(rows, limit, lambda row: [row.line, row.number])


def _readable(tx: Tx, run_id: int) -> imports_store.Run:
    """An import of the caller; who may act for every unit sees all."""
    run, caller = imports_store.get_run(tx, run_id) if run_id < 2**63 else None, context.current().caller
    if run is None or (run.requested_by != caller.subject and caller.unit != "*"):
        raise Problem(404, "Not found", "Không có lần nhập này", code="no-such-import")
    return run

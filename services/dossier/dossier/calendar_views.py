"""HTTP in: the calendar, and the recountings that follow from a change of it."""

from __future__ import annotations

import datetime
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.auth import require
from chassis.database import Tx
from chassis.paging import PageArguments, decode, page
from chassis.problems import Problem
from chassis.web import Blueprint, check_if_match, etag, transactional
from dossier import overrides, recompute_store
from dossier.spans import DAY

blueprint = Blueprint("calendar", "calendar", description="The calendar and recountings")
REASON = validate.Length(1, 500)
FIRST = ("0001-01-01", 0)


class DayRule(Schema):
    """What a day is: off, or worked, perhaps in hours of its own."""

    works = fields.Boolean(required=True)
    reason = fields.String(required=True, validate=REASON, metadata={"description": "in Vietnamese; people read it"})
    hours = fields.String(
        load_default=None, validate=validate.Length(max=200), metadata={"description": "07:00-11:30, 13:30-17:00"}
    )


class NewOverride(DayRule):
    """A day, or the days up to `last_day`, that a unit (default: everybody) keeps differently."""

    day = fields.Date(required=True, validate=DAY)
    last_day = fields.Date(load_default=None, validate=DAY)
    unit = fields.String(load_default=None, validate=validate.Length(1, 60))


class OverrideSchema(DayRule):
    """A day of the override table."""

    id = fields.Integer()
    day = fields.Date()
    unit = fields.String(allow_none=True, metadata={"description": "null: everybody"})
    recompute = fields.Integer(allow_none=True, metadata={"description": "the recounting that this change ordered"})


class EnteredOverrides(Schema):
    """The days entered, and the recounting that follows."""

    items = fields.List(fields.Nested(OverrideSchema))
    recompute = fields.Integer(metadata={"description": "see GET /v1/recomputes/{id}"})


class OverrideFilter(PageArguments):
    """Which days to list."""

    since = fields.Date(load_default=None)
    until = fields.Date(load_default=None)
    unit = fields.String(
        load_default=None, validate=validate.Length(1, 60), metadata={"description": "its own days and everybody's"}
    )


class OverridePage(Schema):
    """A page of days."""

    items = fields.List(fields.Nested(OverrideSchema))
    next = fields.String(allow_none=True)


class Why(Schema):
    """Why something is taken away."""

    reason = fields.String(required=True, validate=REASON)


class NewRecompute(Schema):
    """Which dossiers to count anew, and why."""

    reason = fields.String(required=True, validate=REASON)
    units = fields.List(
        fields.String(validate=validate.Length(1, 60)),
        load_default=None,
        validate=validate.Length(1, 500),
        metadata={"description": "default: all"},
    )

    @validates_schema
    def _reason_says_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data["reason"].strip():
            raise ValidationError("Phải có lý do", "reason")


class RecomputeSchema(Schema):
    """A recounting of open dossiers and how far it has come."""

    id = fields.Integer()
    reason = fields.String()
    units = fields.List(fields.String(), allow_none=True)
    requested_by = fields.String()
    requested_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)
    state = fields.Function(
        lambda row: "done" if row.finished_at else "running" if row.started_at else "waiting",
        metadata={"type": "string", "enum": ["waiting", "running", "done"]},
    )
    dossiers = fields.Integer(metadata={"description": "open dossiers concerned; 0 until it has started"})
    counted = fields.Integer()
    moved = fields.Integer(metadata={"description": "whose dates changed"})
    failed = fields.Integer(metadata={"description": "that could not be counted; they stay as they were"})


class RecomputePage(Schema):
    """A page of recountings, the newest first."""

    items = fields.List(fields.Nested(RecomputeSchema))
    next = fields.String(allow_none=True)


@blueprint.route("/v1/calendar/overrides")
@require("dossier:read")
@transactional
@blueprint.arguments(OverrideFilter, location="query")
@blueprint.response(200, OverridePage)
def list_overrides(tx: Tx, query: dict[str, Any]) -> Any:
    """The days on which the usual calendar is not kept, in order."""
    start = key_after(query["cursor"], FIRST)
    rows = overrides.page(tx, {name: query[name] for name in ("since", "until", "unit")}, start, query["limit"] + 1)
    return page(rows, query["limit"], lambda row: [row.day.isoformat(), row.id])


def key_after(cursor: str | None, first: tuple[str, Any]) -> tuple[str, Any]:
    """The key inside a cursor: a moment as text, and what tells rows of the same moment apart."""
    key = decode(cursor, list(first))
    try:
        moment, rest = key
        datetime.datetime.fromisoformat(moment)
    except (ValueError, TypeError):
        moment, rest = None, None
    if type(rest) is not type(first[1]) or (isinstance(rest, int) and not 0 <= rest < 2**63):
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor that was handed out"}])
    return str(moment), rest


@blueprint.route("/v1/calendar/overrides", methods=["POST"])
@require("catalogue:write")
@transactional
@blueprint.arguments(NewOverride)
@blueprint.response(201, EnteredOverrides)
def add_overrides(tx: Tx, body: dict[str, Any]) -> Any:
    """Enter a day, or several in a row; open dossiers of the units concerned are counted anew."""
    body["first"] = body.pop("day")
    body["last"] = body.pop("last_day") or body["first"]
    items = overrides.add(tx, **body)
    headers = etag(items[0].version) | {"Location": f"/v1/calendar/overrides/{items[0].id}"}
    return {"items": items, "recompute": items[0].recompute}, 201, headers


@blueprint.route("/v1/calendar/overrides/<int:number>")
@require("dossier:read")
@transactional
@blueprint.response(200, OverrideSchema)
def show_override(tx: Tx, number: int) -> Any:
    """One day."""
    found = overrides.find(tx, _number(number))
    return found, 200, etag(found.version)


@blueprint.route("/v1/calendar/overrides/<int:number>", methods=["PUT"])
@require("catalogue:write")
@transactional
@blueprint.arguments(DayRule)
@blueprint.response(200, OverrideSchema)
def change_override(tx: Tx, body: dict[str, Any], number: int) -> Any:
    """Change what a day is; the day and the unit stay."""
    before = _locked(tx, number)
    after = overrides.change(tx, before, **body)
    return after, 200, etag(after.version)


@blueprint.route("/v1/calendar/overrides/<int:number>", methods=["DELETE"])
@require("catalogue:write")
@transactional
@blueprint.arguments(Why, location="query")
@blueprint.response(200, OverrideSchema)
def remove_override(tx: Tx, query: dict[str, Any], number: int) -> Any:
    """Take a day out of the table; the answer is the day as it was, with the recounting that follows."""
    if not query["reason"].strip():
        raise Problem(422, "Unprocessable", errors=[{"field": "reason", "rule": "Phải có lý do"}])
    return overrides.remove(tx, _locked(tx, number), query["reason"])


def _locked(tx: Tx, number: int) -> overrides.Override:
    found = overrides.find(tx, _number(number), lock=True)
    if request.if_match:
        check_if_match(found.version)
    return found


def _number(number: int) -> int:
    if number >= 2**63:
        raise Problem(404, "Not found", code="no-such-number")
    return number


@blueprint.route("/v1/recomputes")
@require("dossier:read")
@transactional
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, RecomputePage)
def list_recomputes(tx: Tx, query: dict[str, Any]) -> Any:
    """Recountings, the newest first."""
    rows = recompute_store.page(tx, decode(query["cursor"], 2**63 - 1), query["limit"] + 1)
    return page(rows, query["limit"], lambda row: row.id)


@blueprint.route("/v1/recomputes", methods=["POST"])
@require("catalogue:write")
@transactional
@blueprint.arguments(NewRecompute)
@blueprint.response(202, RecomputeSchema)
def order_recompute(tx: Tx, body: dict[str, Any]) -> Any:
    """Count open dossiers anew, for instance after the setting of "due soon" was changed."""
    number = recompute_store.order(tx, body["units"], body["reason"])
    return recompute_store.find(tx, number), 202, {"Location": f"/v1/recomputes/{number}"}


@blueprint.route("/v1/recomputes/<int:number>")
@require("dossier:read")
@transactional
@blueprint.response(200, RecomputeSchema)
def show_recompute(tx: Tx, number: int) -> Any:
    """How far a recounting has come."""
    found = recompute_store.find(tx, _number(number))
    if found is None:
        raise Problem(404, "Not found", f"Không có lần tính lại số {number}", code="no-such-recompute")
    return found

"""What every service serves besides its own views: the event feed, and the events that wait for a person."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from chassis import dead, paging
from chassis.auth import require
from chassis.database import Tx
from chassis.feed import read_feed
from chassis.problems import Problem
from chassis.web import Blueprint, transactional

blueprint = Blueprint("backbone", "backbone", description="Event feed and dead events")


class FeedArguments(Schema):
    """Query of the feed."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**63 - 1))
    type = fields.List(fields.String(), load_default=list, metadata={"description": "only these types"})
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))


class FeedPage(Schema):
    """Events in publishing order, in CloudEvents' JSON form; ask again with `after` set to `next`."""

    events = fields.List(fields.Dict(), required=True)
    next = fields.Integer(required=True)


class DeadArguments(Schema):
    """Query of the waiting events."""

    state = fields.String(load_default=None, validate=validate.OneOf(["parked", "dead"]))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, paging.MOST))
    cursor = fields.String(load_default=None)


class DeadEvent(Schema):
    """An event that is parked or dead."""

    id = fields.Integer()
    consumer = fields.String()
    state = fields.String()
    event_id = fields.String(allow_none=True)
    type = fields.String(allow_none=True)
    subject = fields.String(allow_none=True)
    attempts = fields.Integer()
    next_attempt_at = fields.AwareDateTime()
    error_kind = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    parked_at = fields.AwareDateTime()
    died_at = fields.AwareDateTime(allow_none=True)


class DeadEventWhole(DeadEvent):
    """The same with what arrived."""

    headers = fields.Dict()
    content_type = fields.String(allow_none=True)
    body_base64 = fields.String()
    body_text = fields.String(allow_none=True)


class DeadPage(Schema):
    """A page of waiting events."""

    items = fields.List(fields.Nested(DeadEvent))
    next = fields.String(allow_none=True)


class DeadGroup(Schema):
    """Events that wait for the same reason."""

    consumer = fields.String()
    state = fields.String()
    error_kind = fields.String()
    type = fields.String(allow_none=True)
    events = fields.Integer()
    oldest_at = fields.AwareDateTime()


@blueprint.route("/v1/events")
@require("events:read")
@transactional
@blueprint.arguments(FeedArguments, location="query")
@blueprint.response(200, FeedPage)
def feed(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Every public event of this service from a position on; a position never appears below one already read."""
    return read_feed(tx, **query)


@blueprint.route("/v1/dead")
@require("dead:manage")
@transactional
@blueprint.arguments(DeadArguments, location="query")
@blueprint.response(200, DeadPage)
def list_dead(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Events parked or dead, oldest first."""
    after = paging.decode(query["cursor"], 0)
    rows = dead.list_events(tx, query["state"], after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row["id"])


@blueprint.route("/v1/dead/groups")
@require("dead:manage")
@transactional
@blueprint.response(200, DeadGroup(many=True))
def group_dead(tx: Tx) -> list[dict[str, Any]]:
    """How many wait, by error."""
    return dead.groups(tx, None)


@blueprint.route("/v1/dead/<int:number>")
@require("dead:manage")
@transactional
@blueprint.response(200, DeadEventWhole)
def show_dead(tx: Tx, number: int) -> dict[str, Any]:
    """One event with what arrived, byte for byte."""
    try:
        return dead.show(tx, number)
    except dead.NoSuchEvent:
        raise missing(number) from None


@blueprint.route("/v1/dead/<int:number>/retry", methods=["POST"])
@require("dead:manage")
@transactional
@blueprint.response(204)
def retry_dead(tx: Tx, number: int) -> None:
    """Give an event its attempts again."""
    try:
        dead.retry(tx, number)
    except dead.NoSuchEvent:
        raise missing(number) from None


@blueprint.route("/v1/dead/<int:number>", methods=["DELETE"])
@require("dead:manage")
@transactional
@blueprint.response(204)
def discard_dead(tx: Tx, number: int) -> None:
    """Delete an event for good."""
    try:
        dead.discard(tx, number)
    except dead.NoSuchEvent:
        raise missing(number) from None


def missing(number: int) -> Problem:
    """404 of a parked event."""
    return Problem(404, "Not found", f"No event {number} waits here", code="no-such-event")

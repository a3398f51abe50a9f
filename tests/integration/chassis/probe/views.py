"""Views with everything that the HTTP side promises: pages, creation once, versions, units."""

from __future__ import annotations

import datetime
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from chassis import audit, context, paging
from chassis.auth import require
from chassis.database import Tx
from chassis.outbox import announce
from chassis.problems import Problem
from chassis.web import Blueprint, check_if_match, etag, transactional
from tests.integration.chassis.probe.events import Counted

blueprint = Blueprint("things", "things", description="Things")
BLUEPRINTS = [blueprint]


class ThingArguments(Schema):
    """A thing to create or change."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    amount = fields.Integer(load_default=1)
    due_on = fields.Date(load_default=None, allow_none=True)
    tags = fields.List(fields.String(validate=validate.Length(1, 20)), load_default=list)


class ThingSchema(ThingArguments):
    """A thing as it is shown."""

    id = fields.Integer()
    version = fields.Integer()


class ThingPage(Schema):
    """A page of things."""

    items = fields.List(fields.Nested(ThingSchema))
    next = fields.String(allow_none=True)


class NameTaken(Exception):
    """A domain's named error."""


def domain_errors(error: Exception) -> Problem | None:
    """409 for a name that is taken."""
    return Problem(409, "Conflict", "The name is taken", code="name-taken") if isinstance(error, NameTaken) else None


@blueprint.route("/v1/things")
@require("things:read")
@transactional
@blueprint.arguments(paging.PageArguments, location="query")
@blueprint.response(200, ThingPage)
def list_things(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Things, oldest first."""
    values = {"after": paging.decode(query["cursor"], 0), "limit": query["limit"] + 1}
    sql = "SELECT * FROM thing WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
    return paging.page(
        [dict(row._mapping) for row in tx.exec_driver_sql(sql, values)], query["limit"], lambda r: r["id"]
    )


@blueprint.route("/v1/things", methods=["POST"])
@require("things:write")
@transactional
@blueprint.arguments(ThingArguments)
@blueprint.response(201, ThingSchema)
def create_thing(tx: Tx, body: dict[str, Any]) -> Any:
    """Create a thing and announce it."""
    if body["name"] == "taken":
        raise NameTaken
    sql = """INSERT INTO thing (name, amount, due_on, tags) VALUES (%(name)s, %(amount)s, %(due_on)s, %(tags)s)
             RETURNING *"""
    thing = dict(tx.exec_driver_sql(sql, body).one()._mapping)
    announce(tx, Counted, f"thing-{thing['id']}", {"amount": thing["amount"], "echo": True})
    audit.record(tx, "thing.create", f"thing/{thing['id']}", after=thing)
    return thing, 201, {"Location": f"/v1/things/{thing['id']}"} | etag(thing["version"])


@blueprint.route("/v1/things/<int:number>")
@require("things:read")
@transactional
@blueprint.response(200, ThingSchema)
def show_thing(tx: Tx, number: int) -> Any:
    """One thing with its version."""
    thing = load(tx, number)
    return thing, 200, etag(thing["version"])


@blueprint.route("/v1/things/<int:number>", methods=["PUT"])
@require("things:write")
@transactional
@blueprint.arguments(ThingArguments)
@blueprint.response(200, ThingSchema)
def change_thing(tx: Tx, body: dict[str, Any], number: int) -> Any:
    """Change a thing that has not changed meanwhile."""
    check_if_match(load(tx, number, "FOR UPDATE")["version"])
    sql = """UPDATE thing SET name = %(name)s, amount = %(amount)s, due_on = %(due_on)s, tags = %(tags)s,
             version = version + 1 WHERE id = %(id)s RETURNING *"""
    thing = dict(tx.exec_driver_sql(sql, body | {"id": number}).one()._mapping)
    return thing, 200, etag(thing["version"])


@blueprint.route("/v1/whoami")
@require("things:read")
def who_am_i() -> Response:
    """The caller as the service sees it."""
    caller = context.current().caller
    return jsonify(subject=caller.subject, unit=caller.unit, role=caller.role, scopes=sorted(caller.scopes))


@blueprint.route("/v1/broken")
@require("things:read")
def broken() -> Response:
    """A bug of ours."""
    raise RuntimeError(f"a bug at {datetime.date.min}, told to nobody")


def load(tx: Tx, number: int, lock: str = "") -> dict[str, Any]:
    """One row, or 404."""
    row = tx.exec_driver_sql(f"SELECT * FROM thing WHERE id = %(id)s {lock}", {"id": number}).first()
    if row is None:
        raise Problem(404, "Not found", f"No thing {number}", code="no-such-thing")
    return dict(row._mapping)

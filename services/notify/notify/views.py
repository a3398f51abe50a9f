"""HTTP in: who was told what, when, and what became of it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from chassis import paging
from chassis.auth import require
from chassis.database import Tx
from chassis.web import Blueprint, transactional
from notify import store
from notify.domain import Status, mask_email

blueprint = Blueprint("messages", "messages", description="Messages and their evidence")
BLUEPRINTS = [blueprint]


class MessageArguments(paging.PageArguments):
    """Query of the messages."""

    reference = fields.String(load_default=None, validate=validate.Length(1, 100))
    status = fields.Enum(Status, by_value=True, load_default=None)


class MessageSchema(Schema):
    """One message; the address is masked."""

    id = fields.UUID()
    reference = fields.String()
    template = fields.String()
    channel = fields.String()
    recipient = fields.Function(lambda row: mask_email(row.email), metadata={"type": "string"})
    subject = fields.String()
    status = fields.String()
    attempts = fields.Integer()
    detail = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    sent_at = fields.AwareDateTime(allow_none=True)


class MessagePage(Schema):
    """A page of messages."""

    items = fields.List(fields.Nested(MessageSchema))
    next = fields.String(allow_none=True)


@blueprint.route("/v1/messages")
@require("notify:read")
@transactional
@blueprint.arguments(MessageArguments, location="query")
@blueprint.response(200, MessagePage)
def list_messages(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Messages in the order in which they were ordered."""
    after = paging.decode(query["cursor"], store.NO_MESSAGE)
    rows = store.list_messages(tx, query["reference"], query["status"], after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row.id)

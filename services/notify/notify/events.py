"""What notify takes and announces."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chassis.events import Command, Fact


class Recipient(Schema):
    """Who is told, and where."""

    full_name = fields.String(required=True, validate=validate.Length(1, 200))
    email = fields.Email(required=True)


class SendMessage(Command):
    """Tell somebody something, by a template."""

    type = "notify.send.v1"
    template = fields.String(required=True, metadata={"description": "name of the template"})
    recipient = fields.Nested(Recipient, required=True)
    reference = fields.String(required=True, metadata={"description": "what it is about, such as a dossier code"})
    values = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class MessageSent(Fact):
    """The mail server took a message and answers for it from here on."""

    type = "notify.message_sent.v1"
    message_id = fields.UUID(required=True)
    reference = fields.String(required=True)
    template = fields.String(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(["email"]))
    sent_at = fields.AwareDateTime(required=True)


class MessageFailed(Fact):
    """A message will not be sent, or its outcome is not known; somebody has to look."""

    type = "notify.message_failed.v1"
    message_id = fields.UUID(required=True)
    reference = fields.String(required=True)
    template = fields.String(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(["email"]))
    outcome = fields.String(required=True, validate=validate.OneOf(["failed", "uncertain"]))
    failed_at = fields.AwareDateTime(required=True)


READS = [SendMessage]
WRITES = [MessageSent, MessageFailed]

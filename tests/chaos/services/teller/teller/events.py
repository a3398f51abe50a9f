"""What the teller announces; a deposit also says which trouble its readers shall have with it."""

from __future__ import annotations

from marshmallow import fields, validate

from chassis.events import Fact

TROUBLES = ("none", "raise", "sql", "slow", "kill", "doom")


class Deposited(Fact):
    """Money was paid into an account, which is the subject."""

    type = "teller.deposited.v1"
    amount = fields.Integer(required=True)
    trouble = fields.String(required=True, validate=validate.OneOf(TROUBLES))
    times = fields.Integer(required=True, metadata={"description": "attempts that fail before one succeeds"})


WRITES = [Deposited]
READS: list[type[Fact]] = []

"""What the ledger reads and writes."""

from __future__ import annotations

from marshmallow import fields

from chassis.events import Fact


class Deposited(Fact):
    """Money was paid into an account."""

    type = "teller.deposited.v1"
    amount = fields.Integer(required=True)
    trouble = fields.String(required=True)
    times = fields.Integer(required=True)


class TenthBooked(Fact):
    """Another ten deposits of an account are booked."""

    type = "ledger.tenth_booked.v1"
    bookings = fields.Integer(required=True)


READS = [Deposited, TenthBooked]
WRITES = [TenthBooked]

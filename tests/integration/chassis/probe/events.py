"""What the probe writes and reads; its name comes from the environment, so that each test has exchanges of its own."""

from __future__ import annotations

import os

from marshmallow import fields

from chassis.events import Command, Fact

NAME = os.environ.get("PROBE_NAME", "probe")


class Counted(Fact):
    """Something was counted; the handler leaves one effect."""

    type = f"{NAME}.counted.v1"
    amount = fields.Integer(required=True)
    note = fields.String()
    echo = fields.Boolean()


class Renamed(Fact):
    """Something else, of the same subjects, through the same inbox."""

    type = f"{NAME}.renamed.v1"
    amount = fields.Integer(required=True)


class Summed(Fact):
    """Taken as lists, in a lane apart."""

    type = f"{NAME}.summed.v1"
    amount = fields.Integer(required=True)


class Echoed(Fact):
    """What the handler of a counted event announces when asked to; nobody is bound to it."""

    type = f"{NAME}.echoed.v1"
    of = fields.String(required=True)


class Order(Command):
    """An order to the probe, with personal data."""

    type = f"{NAME}.order.v1"
    full_name = fields.String(required=True)


class Errand(Command):
    """An order that nobody takes."""

    type = f"{NAME}.errand.v1"
    full_name = fields.String(required=True)


READS = [Counted, Renamed, Summed, Order]
WRITES = [Counted, Renamed, Summed, Echoed]

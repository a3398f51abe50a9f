"""The one event: the web process writes it, the worker counts it."""

from marshmallow import fields

from chassis.events import Fact


class Received(Fact):
    """A dossier was received, as its writer declares it."""

    type = "bench.received.v1"
    code = fields.String(required=True)
    procedure = fields.String(required=True)
    unit = fields.String(required=True)
    channel = fields.String(required=True)
    received_at = fields.AwareDateTime(required=True)


class Counted(Fact):
    """The same event, with what a reader that counts needs of it."""

    type = "bench.received.v1"
    unit = fields.String(required=True)
    received_at = fields.AwareDateTime(required=True)


WRITES: list[type[Fact]] = [Received]
READS: list[type[Fact]] = [Counted]

"""What stats reads: only the fields that it counts by."""

from __future__ import annotations

from marshmallow import fields

from chassis.events import Fact


class DossierReceived(Fact):
    """A dossier was received."""

    type = "dossier.received.v1"
    unit = fields.String(required=True)
    at = fields.AwareDateTime(required=True)


class DossierCompleted(Fact):
    """A dossier was finished."""

    type = "dossier.completed.v1"
    unit = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)


READS = [DossierReceived, DossierCompleted]
WRITES: list[type[Fact]] = []

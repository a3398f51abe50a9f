"""The outbox entries of replayed facts, as `chassis.outbox.entry` makes them, at a fraction of its cost."""

from __future__ import annotations

import datetime
import enum
import json
from typing import Any

from chassis import context
from chassis.events import Fact as EventType
from chassis.events import schema_of
from chassis.outbox import entry
from dossier import announcements
from dossier.domain.dossiers import Dossier
from dossier.domain.facts import Fact

Entry = dict[str, Any]


class Drift(AssertionError):
    """The text made here is not the one that the contract's schema makes."""


class Entries:
    """Makes the entries of one batch.

    The first of each type is made by the chassis, which holds it against the contract; the others are the same row with
    an id, a subject, a time and a text of their own. Where that first text is not what is made here, nothing is kept.
    """

    def __init__(self) -> None:
        self.models: dict[type[EventType], Entry] = {}

    def entry(self, dossier: Dossier, fact: Fact) -> Entry:
        """The entry of a fact, at its own time. Raises Drift, marshmallow.ValidationError."""
        event, subject, data = announcements.event_of(dossier, fact)
        text = text_of(event, data)
        model = self.models.get(event)
        if model is None:
            model = self.models[event] = entry(event, subject, data, at=fact.at)
            if model["data"] != text:
                raise Drift(event.type)
            return model
        return model | {"event_id": context.new_id(), "subject": subject, "occurred_at": fact.at, "data": text}


def text_of(event: type[EventType], data: dict[str, Any]) -> str:
    """The data as published: the contract's fields in the contract's order."""
    found = {name: _plain(data[name]) for name in schema_of(event).fields if name in data}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime.date) else value  # a datetime is a date

"""Tells what happened to many dossiers at once: history, events, messages and audit, each in one statement."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from chassis import audit, context
from chassis.database import Writer
from chassis.outbox import announce_many, entry
from dossier import announcements, portal_owing, watch_store
from dossier.domain.dossiers import Dossier
from dossier.domain.facts import Fact
from dossier.states import fact_to_json, to_json
from dossier.store import Record


@dataclasses.dataclass(frozen=True)
class Tidings:
    """What happened to one dossier; `before` is its state where it was changed."""

    record: Record
    facts: tuple[Fact, ...]
    before: Dossier | None = None


def tell(tx: Writer, tidings: Sequence[Tidings], action: str | None = None) -> None:
    """Remember, announce, and order the messages that citizens are owed; `action` audits those that were changed."""
    happened = [(each.record, fact) for each in tidings for fact in each.facts]
    watch_store.remember_many(tx, [_line(record, fact) for record, fact in happened])
    entries = []
    for record, fact in happened:
        event, subject, data = announcements.event_of(record.dossier, fact)
        entries.append(entry(event, subject, data, at=fact.at))
        if order := announcements.order_of(record, fact):
            entries.append(entry(*order))
    announce_many(tx, entries)
    portal_owing.owe(tx, [(each.record.dossier, each.facts) for each in tidings])
    if action:
        changed = [each for each in tidings if each.before is not None]
        audit.record_many(tx, action, [_change(each) for each in changed])


def _line(record: Record, fact: Fact) -> dict[str, Any]:
    caller = context.current().caller
    return {
        "code": record.dossier.code,
        "fact": type(fact).__name__,
        "status": int(record.dossier.status),
        "at": fact.at.isoformat(),
        "actor": caller.subject,
        "unit": caller.unit,
        "data": fact_to_json(fact),
    }


def _change(each: Tidings) -> tuple[str, Any, Any]:
    code, before = each.record.dossier.code, each.before
    return f"dossier/{code}", before and to_json(before), to_json(each.record.dossier)

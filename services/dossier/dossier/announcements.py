"""What the world learns of a fact: the public event without anybody's data, and the message the citizen is owed."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from chassis.events import Fact as EventType
from dossier import events
from dossier.domain import facts
from dossier.domain.dossiers import Dossier
from dossier.domain.instants import VIETNAM
from dossier.store import Record

TYPES: dict[str, type[EventType]] = {fact.__name__: fact for fact in events.FACTS}
PRIVATE = {"reason", "letter"}
"""What people wrote: it stays in the history, because a sentence may name anybody."""
RENAMED = {
    facts.DossierForwarded: {"unit": "step_unit"},
    facts.StepFinished: {"unit": "step_unit"},
    facts.StepDueDateChanged: {"unit": "step_unit", "due_at": "step_due_at"},
    facts.ApologyProposed: {"due_at": "proposed_due_at"},
    facts.StepDueSoon: {"unit": "step_unit", "due_at": "step_due_at"},
    facts.StepOverdue: {"unit": "step_unit", "due_at": "step_due_at"},
}

TEMPLATES: dict[type[facts.Fact], str] = {
    facts.DossierReceived: "dossier_received",
    facts.DossierAccepted: "dossier_accepted",
    facts.DossierRejected: "dossier_rejected",
    facts.SupplementRequested: "dossier_supplement_requested",
    facts.SupplementReceived: "dossier_supplement_received",
    facts.PaymentRequired: "dossier_payment_required",
    facts.DueDateExtended: "dossier_apology",
    facts.DueDateChanged: "dossier_due_date_changed",
    facts.DossierStopped: "dossier_stopped",
    facts.DossierWithdrawn: "dossier_withdrawn",
    facts.DossierCompleted: "dossier_completed",
    facts.ResultReturned: "dossier_returned",
}
"""What a citizen is told at once (TT 32/2017/TT-BTTTT, art. 9; NĐ 61/2018, art. 17(2)(a), 19(9), 20(1))."""


def event_of(dossier: Dossier, fact: facts.Fact) -> tuple[type[EventType], str, dict[str, Any]]:
    """(type, subject, data) of the public event of a fact."""
    event = TYPES[type(fact).__name__]
    renamed = RENAMED.get(type(fact), {})
    own = {renamed.get(name, name): value for name, value in _values(fact).items() if name not in PRIVATE}
    data = {
        "code": dossier.code,
        "procedure": dossier.terms.procedure,
        "unit": dossier.unit,
        "channel": dossier.channel,
        "status": dossier.status,
        "due_at": dossier.due_at,
    }
    return event, dossier.code, data | own


def order_of(record: Record, fact: facts.Fact) -> tuple[type[EventType], str, dict[str, Any]] | None:
    """(type, subject, data) of the command that tells the citizen; None with nothing to tell, or no address."""
    template = TEMPLATES.get(type(fact))
    if template is None or not record.person.email:
        return None
    values = {
        "code": record.dossier.code,
        "unit_name": record.unit_name,
        "procedure_name": record.procedure_name,
        "status_name": record.dossier.status.text,
        "decree": record.dossier.rules.decree,
        **{name: _text(value) for name, value in _values(fact).items()},
        "due_at": _text(record.dossier.due_at),
    }
    data = {
        "template": template,
        "recipient": {"full_name": record.person.full_name, "email": record.person.email},
        "reference": record.dossier.code,
        "values": values,
    }
    return events.SendMessage, record.dossier.code, data


def _values(fact: facts.Fact) -> dict[str, Any]:
    return {field.name: getattr(fact, field.name) for field in dataclasses.fields(fact)}


def _text(value: Any) -> str:
    """A value as a citizen reads it: dd/mm/yyyy, local time, 1.234 đồng."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return f"{value.astimezone(VIETNAM):%H giờ %M, ngày %d/%m/%Y}"
    if isinstance(value, datetime.date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", ".")
    return str(getattr(value, "value", value))

"""What dossier announces, orders and reads. A public event carries no personal data and no free text."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chassis.events import Command, Fact
from dossier.domain.dossiers import Channel, Result
from dossier.domain.outcome import Outcome
from dossier.domain.status import Status


class DossierFact(Fact):
    """What every event about a dossier says."""

    code = fields.String(required=True)
    procedure = fields.String(required=True, metadata={"description": "procedure code, such as 1.005129"})
    unit = fields.String(required=True, metadata={"description": "code of the unit that received it"})
    channel = fields.Enum(Channel, by_value=True, required=True, metadata={"description": "NĐ 61/2018, art. 16"})
    status = fields.Enum(Status, by_value=True, required=True, metadata={"description": "TrangThaiHoSo, 1 to 10"})
    at = fields.AwareDateTime(required=True, metadata={"description": "when it happened"})
    due_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "the promise as it stands"})


class DossierReceived(DossierFact):
    """A dossier was filed."""

    type = "dossier.received.v1"
    answer_due_at = fields.AwareDateTime(allow_none=True)


class DossierAccepted(DossierFact):
    """It was found complete, and a date was promised."""

    type = "dossier.accepted.v1"
    forward_due_at = fields.AwareDateTime(allow_none=True)
    receipt = fields.Boolean()


class DossierRejected(DossierFact):
    """It was not accepted."""

    type = "dossier.rejected.v1"


class SupplementRequested(DossierFact):
    """The citizen was asked, once, for what is missing; the clock stands still."""

    type = "dossier.supplement_requested.v1"
    respond_by = fields.Date(allow_none=True)
    previous_due_at = fields.AwareDateTime(allow_none=True)


class SupplementReceived(DossierFact):
    """What was missing came in."""

    type = "dossier.supplement_received.v1"
    previous_due_at = fields.AwareDateTime(allow_none=True)


class PaymentRequired(DossierFact):
    """The citizen is to pay; the clock stands still."""

    type = "dossier.payment_required.v1"
    amount = fields.Integer(metadata={"description": "đồng"})
    outstanding = fields.Integer(metadata={"description": "đồng"})


class PaymentRecorded(DossierFact):
    """Money came in."""

    type = "dossier.payment_recorded.v1"
    amount = fields.Integer(metadata={"description": "đồng"})
    outstanding = fields.Integer(metadata={"description": "đồng"})


class DossierForwarded(DossierFact):
    """It was handed to the unit that works on it."""

    type = "dossier.forwarded.v1"
    step_unit = fields.String()
    step = fields.String(allow_none=True)
    step_due_at = fields.AwareDateTime(allow_none=True)


class StepFinished(DossierFact):
    """A step ended."""

    type = "dossier.step_finished.v1"
    step_unit = fields.String()
    step = fields.String()
    outcome = fields.Enum(Outcome, by_value=True)


class ApologyProposed(DossierFact):
    """A breach is foreseen; a letter and a new date wait for approval."""

    type = "dossier.apology_proposed.v1"
    proposed_due_at = fields.AwareDateTime()


class ApologyDeclined(DossierFact):
    """The proposal was not approved."""

    type = "dossier.apology_declined.v1"


class DueDateExtended(DossierFact):
    """The one re-appointment, with its letter of apology (NĐ 61/2018, art. 19(9))."""

    type = "dossier.due_date_extended.v1"
    previous_due_at = fields.AwareDateTime()


class DueDateChanged(DossierFact):
    """The calendar changed, and with it the promise."""

    type = "dossier.due_date_changed.v1"
    previous_due_at = fields.AwareDateTime(allow_none=True)


class StepDueDateChanged(DossierFact):
    """The calendar changed, and with it the due time of the step under way."""

    type = "dossier.step_due_date_changed.v1"
    step_unit = fields.String()
    step = fields.String()
    previous_due_at = fields.AwareDateTime(allow_none=True)
    step_due_at = fields.AwareDateTime(allow_none=True)


class DossierStopped(DossierFact):
    """Processing was stopped."""

    type = "dossier.stopped.v1"


class DossierWithdrawn(DossierFact):
    """The citizen took it back."""

    type = "dossier.withdrawn.v1"
    outcome = fields.Enum(Outcome, by_value=True)


class DossierCompleted(DossierFact):
    """Processing ended."""

    type = "dossier.completed.v1"
    result = fields.Enum(Result, by_value=True)
    outcome = fields.Enum(Outcome, by_value=True)


class ResultReturned(DossierFact):
    """The result is with the citizen."""

    type = "dossier.result_returned.v1"
    outcome = fields.Enum(Outcome, by_value=True)


class DossierDueSoon(DossierFact):
    """The due time is near: by default one working day away. Said once for each date that was promised."""

    type = "dossier.due_soon.v1"


class DossierOverdue(DossierFact):
    """The due date has ended and processing has not; `at` is the midnight that ended it. Once for each date promised."""

    type = "dossier.overdue.v1"


class BreachForeseen(DossierFact):
    """The limits of the steps that remain need more than the time that is left (NĐ 61/2018, art. 19(9))."""

    type = "dossier.breach_foreseen.v1"


class StepDueSoon(DossierFact):
    """The due time of the step under way is near."""

    type = "dossier.step_due_soon.v1"
    step_unit = fields.String()
    step = fields.String()
    step_due_at = fields.AwareDateTime()


class StepOverdue(DossierFact):
    """The due date of the step under way has ended (NĐ 61/2018, art. 19(6)(7))."""

    type = "dossier.step_overdue.v1"
    step_unit = fields.String()
    step = fields.String()
    step_due_at = fields.AwareDateTime()


class AnswerOverdue(DossierFact):
    """An online filing was not answered within its eight working hours (HanTiepNhan)."""

    type = "dossier.answer_overdue.v1"
    answer_due_at = fields.AwareDateTime()


class SupplementOverdue(DossierFact):
    """The last day to answer a supplement request has ended; the dossier may now be refused."""

    type = "dossier.supplement_overdue.v1"
    respond_by = fields.Date()


class Recipient(Schema):
    """Who is told, and where."""

    full_name = fields.String(required=True)
    email = fields.Email(required=True)


class SendMessage(Command):
    """Tell somebody something, by a template of notify."""

    type = "notify.send.v1"
    template = fields.String(required=True)
    recipient = fields.Nested(Recipient, required=True)
    reference = fields.String(required=True)
    values = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class MessageSent(Fact):
    """The citizen was told."""

    type = "notify.message_sent.v1"
    reference = fields.String(required=True, validate=validate.Length(1, 200))
    template = fields.String(required=True)
    channel = fields.String(required=True)
    sent_at = fields.AwareDateTime(required=True)


FACTS: list[type[Fact]] = [
    DossierReceived,
    DossierAccepted,
    DossierRejected,
    SupplementRequested,
    SupplementReceived,
    PaymentRequired,
    PaymentRecorded,
    DossierForwarded,
    StepFinished,
    ApologyProposed,
    ApologyDeclined,
    DueDateExtended,
    DueDateChanged,
    StepDueDateChanged,
    DossierStopped,
    DossierWithdrawn,
    DossierCompleted,
    ResultReturned,
    DossierDueSoon,
    DossierOverdue,
    BreachForeseen,
    StepDueSoon,
    StepOverdue,
    AnswerOverdue,
    SupplementOverdue,
]
WRITES: list[type[Fact]] = [*FACTS, SendMessage]
READS: list[type[Fact]] = [MessageSent]

"""What a business act made true: each verb of the life cycle returns these, and the service announces them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from dossier.domain.dossiers import Dossier, Result
from dossier.domain.outcome import Outcome


@dataclass(frozen=True)
class Fact:
    """Something that happened to one dossier, at a moment."""

    at: datetime


class Done(NamedTuple):
    """A business act: the dossier after it, and what happened, in order."""

    dossier: Dossier
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class DossierReceived(Fact):
    """Filed; `answer_due_at` is when an online filing must be answered."""

    answer_due_at: datetime | None


@dataclass(frozen=True)
class DossierAccepted(Fact):
    """Accepted with a date; `receipt` tells whether form 01 is issued (not for a result on the spot, unless asked)."""

    due_at: datetime | None
    forward_due_at: datetime | None
    receipt: bool


@dataclass(frozen=True)
class DossierRejected(Fact):
    """Not accepted, with the reason (form 03)."""

    reason: str


@dataclass(frozen=True)
class SupplementRequested(Fact):
    """The clock stands still; form 02 with the reason and the last day to answer."""

    reason: str
    respond_by: date | None
    previous_due_at: datetime | None


@dataclass(frozen=True)
class SupplementReceived(Fact):
    """The dossier is complete; NgayHenTraTruoc and NgayHenTraMoi."""

    previous_due_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class PaymentRequired(Fact):
    """The citizen is to pay, in đồng; the clock stands still."""

    amount: int
    outstanding: int


@dataclass(frozen=True)
class PaymentRecorded(Fact):
    """Money came in, in đồng; `due_at` is the due time after it."""

    amount: int
    outstanding: int
    due_at: datetime | None


@dataclass(frozen=True)
class DossierForwarded(Fact):
    """Handed to a unit, with the step and its own due time where the procedure has steps."""

    unit: str
    step: str | None
    step_due_at: datetime | None


@dataclass(frozen=True)
class StepFinished(Fact):
    """A step ended."""

    unit: str
    step: str
    outcome: Outcome


@dataclass(frozen=True)
class ApologyProposed(Fact):
    """A breach is foreseen: letter, reason and new date wait for approval."""

    reason: str
    letter: str
    due_at: datetime


@dataclass(frozen=True)
class ApologyDeclined(Fact):
    """The proposal was not approved."""

    reason: str


@dataclass(frozen=True)
class DueDateExtended(Fact):
    """The one re-appointment, with its letter of apology (form 04)."""

    reason: str
    letter: str
    previous_due_at: datetime
    due_at: datetime


@dataclass(frozen=True)
class DueDateChanged(Fact):
    """The calendar changed, and with it the due time of an open dossier."""

    previous_due_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class StepDueDateChanged(Fact):
    """The calendar changed, and with it the due time of the step under way."""

    unit: str
    step: str
    previous_due_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class DossierStopped(Fact):
    """Processing stopped, with the reason."""

    reason: str


@dataclass(frozen=True)
class DossierWithdrawn(Fact):
    """The citizen took the dossier back; counted as solved on time."""

    outcome: Outcome


@dataclass(frozen=True)
class DossierCompleted(Fact):
    """Processing ended; the citizen is told now, an early result included (NĐ 61/2018, art. 20). A refusal has its
    reason."""

    result: Result
    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True)
class ResultReturned(Fact):
    """The result is with the citizen; `outcome` is that of processing."""

    outcome: Outcome


@dataclass(frozen=True)
class DossierDueSoon(Fact):
    """The due time is near."""


@dataclass(frozen=True)
class DossierOverdue(Fact):
    """The due date has ended, and processing has not."""


@dataclass(frozen=True)
class BreachForeseen(Fact):
    """The steps that remain need more than the time that is left."""


@dataclass(frozen=True)
class StepDueSoon(Fact):
    """The due time of the step under way is near."""

    unit: str
    step: str
    due_at: datetime


@dataclass(frozen=True)
class StepOverdue(Fact):
    """The due date of the step under way has ended."""

    unit: str
    step: str
    due_at: datetime


@dataclass(frozen=True)
class AnswerOverdue(Fact):
    """An online filing was not answered in time (HanTiepNhan)."""

    answer_due_at: datetime


@dataclass(frozen=True)
class SupplementOverdue(Fact):
    """The day to answer a supplement request has ended without an answer."""

    respond_by: date

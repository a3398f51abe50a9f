"""The state of a dossier that its rules are judged by; everything else about it (people, papers, texts) is not needed
to judge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from dossier.domain.law import LAW
from dossier.domain.limits import Interval, Limit, Reappointment, SupplementClock
from dossier.domain.rules import RuleSet
from dossier.domain.status import Status


class Channel(Enum):
    """How a dossier is filed (NĐ 61/2018, art. 16): at the counter, online, or by public post (BCCI)."""

    DIRECT = "direct"
    ONLINE = "online"
    POST = "post"


class Result(Enum):
    """How processing ended: with what was asked for, or with a reasoned refusal (NĐ 61/2018, art. 19(8))."""

    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True)
class StepPlan:
    """One step of a procedure: which unit does it and within what limit (liên thông: NĐ 61/2018, art. 19(6)(7))."""

    name: str
    unit: str
    limit: Limit


@dataclass(frozen=True)
class Terms:
    """What the procedure, in the version of the day of receipt, promises and allows.

    `supplement_clock` None is the default of the rule set; `supplement_within_days` replaces its three working days
    where a special law says so; `on_the_spot` lets a result be handed over at once.
    """

    procedure: str
    limit: Limit
    supplement_clock: SupplementClock | None = None
    supplement_within_days: int | None = None
    on_the_spot: bool = False
    steps: tuple[StepPlan, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step that has begun; `due_at` is None while the clock stands still, without a limit, and once the dossier is
    closed."""

    plan: StepPlan
    started_at: datetime
    due_at: datetime | None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class ApologyProposal:
    """A letter of apology with a new date, waiting for approval."""

    proposed_at: datetime
    reason: str
    letter: str
    due_at: datetime


@dataclass(frozen=True)
class Dossier:
    """A dossier as its rules see it.

    `rule_set_id` was chosen on the day of filing; `accepted_at` starts the limit; `due_at` is the promise as it stands
    now (None while the clock stands still or without a limit), `standing_due_at` the one at which the clock stood
    still, and `first_due_at` the one on the receipt; `supplement_until` is the last day on which a supplement may be
    asked for, `respond_by` the last day for the citizen to answer; amounts are đồng.
    """

    code: str
    unit: str
    channel: Channel
    terms: Terms
    rule_set_id: str
    status: Status
    filed_at: datetime
    last_act_at: datetime
    intake_due_at: datetime | None = None
    accepted_at: datetime | None = None
    due_at: datetime | None = None
    standing_due_at: datetime | None = None
    first_due_at: datetime | None = None
    forward_due_at: datetime | None = None
    supplement_until: date | None = None
    respond_by: date | None = None
    supplement_requests: int = 0
    resumes_as: Status | None = None
    intervals: tuple[Interval, ...] = ()
    reappointments: int = 0
    reappointment: Reappointment | None = None
    proposal: ApologyProposal | None = None
    fee_required: int = 0
    fee_paid: int = 0
    steps: tuple[Step, ...] = ()
    result: Result | None = None
    completed_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def rules(self) -> RuleSet:
        """The rule set it is judged by for ever."""
        return LAW.by_id(self.rule_set_id)

    @property
    def fee_outstanding(self) -> int:
        """What is still to be paid, in đồng."""
        return self.fee_required - self.fee_paid

    @property
    def current_step(self) -> Step | None:
        """The step under way."""
        return self.steps[-1] if self.steps and self.steps[-1].finished_at is None else None

    @property
    def next_step(self) -> StepPlan | None:
        """The planned step that comes after those begun."""
        return self.terms.steps[len(self.steps)] if len(self.steps) < len(self.terms.steps) else None

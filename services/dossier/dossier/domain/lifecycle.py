"""The life cycle of a dossier from filing to result: one verb per business act, which returns what happened or names
the rule broken.

Every verb takes the dossier and `now`, and the calendars by unit where a date is counted. It returns `Done(dossier,
facts)` or raises a RuleBroken with the rule, its article and the acts allowed now. The verbs that stop the clock stand
in interruptions, those that move the date in reappointment; all are named here too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dossier.domain import refusals
from dossier.domain.acts import allowed_acts, judge, refusal
from dossier.domain.changes import accepted, closed, completed, resumed, with_step_finished
from dossier.domain.dossiers import Channel, Dossier, Result, Step, Terms
from dossier.domain.due_dates import Calendars, calendar_of, follow_calendar, intake_due, step_deadline
from dossier.domain.facts import (
    Done,
    DossierAccepted,
    DossierForwarded,
    DossierReceived,
    DossierRejected,
    DossierStopped,
    DossierWithdrawn,
    ResultReturned,
)
from dossier.domain.instants import instant, local_day, moment
from dossier.domain.interruptions import receive_supplement, record_payment, request_supplement, require_payment
from dossier.domain.law import LAW
from dossier.domain.outcome import outcome, withdrawn_outcome
from dossier.domain.reappointment import approve_apology, decline_apology, extend, propose_apology
from dossier.domain.refusals import Act
from dossier.domain.status import Status

__all__ = [
    "accept",
    "allowed_acts",
    "approve_apology",
    "complete",
    "decline_apology",
    "extend",
    "follow_calendar",
    "forward",
    "propose_apology",
    "receive",
    "receive_supplement",
    "record_payment",
    "reject",
    "request_supplement",
    "require_payment",
    "resolve_on_the_spot",
    "return_result",
    "stop",
    "withdraw",
]


def receive(code: str, terms: Terms, unit: str, channel: Channel, now: datetime, calendars: Calendars) -> Done:
    """File a dossier (status 1); the rule set of this day judges it for ever. NoRuleSet when none was in force."""
    at, rules = moment(instant(now)), LAW.on(local_day(now))
    answer_due_at = intake_due(calendar_of(calendars, unit), rules, channel, at)
    dossier = Dossier(
        code=code,
        unit=unit,
        channel=channel,
        terms=terms,
        rule_set_id=rules.id,
        status=Status.FILED,
        filed_at=at,
        last_act_at=at,
        intake_due_at=answer_due_at,
    )
    return Done(dossier, (DossierReceived(at, answer_due_at),))


def accept(dossier: Dossier, now: datetime, calendars: Calendars, receipt: bool = True) -> Done:
    """Accept a complete dossier (1 to 2) and promise a date; the limit runs from here (NĐ 61/2018, art. 17(1))."""
    at = judge(dossier, Act.ACCEPT, now)
    taken = accepted(dossier, at, calendars)
    return Done(taken, (DossierAccepted(at, taken.due_at, taken.forward_due_at, receipt),))


def resolve_on_the_spot(dossier: Dossier, now: datetime, calendars: Calendars, receipt: bool = False) -> Done:
    """Accept, finish and hand over at once; no receipt unless asked for, but recorded all the same (NĐ 61/2018, art.
    17(4))."""
    judge(dossier, Act.RESOLVE_ON_THE_SPOT, now)
    taken, acceptance = accept(dossier, now, calendars, receipt)
    done, completion = complete(taken, now, calendars)
    returned, handover = return_result(done, now)
    return Done(returned, acceptance + completion + handover)


def reject(dossier: Dossier, now: datetime, reason: str) -> Done:
    """Refuse with a reason: at intake or after an unanswered supplement request (to 3), or after appraisal, in time (to
    9).

    NĐ 61/2018, art. 17(1) and 19(8). A refusal after appraisal is a result that the citizen still has to be given.
    """
    at = judge(dossier, Act.REJECT, now)
    if not reason.strip():
        raise refusal(dossier, Act.REJECT, at, refusals.RefusalReasonMissing)
    if dossier.status in (Status.ACCEPTED, Status.PROCESSING):
        return completed(dossier, at, Result.REFUSED, reason)
    return Done(closed(dossier, at, Status.REJECTED), (DossierRejected(at, reason),))


def forward(dossier: Dossier, now: datetime, calendars: Calendars) -> Done:
    """Hand over to the unit that processes (2 to 4), or from one unit to the next (liên thông), each with its own due
    time.

    NĐ 61/2018, art. 18 and 19(6)(7). The step before ends here.
    """
    at = judge(dossier, Act.FORWARD, now)
    handed, finished = with_step_finished(dossier, at)
    handed = replace(handed, status=Status.PROCESSING, last_act_at=at)
    plan = dossier.next_step
    if plan is None:
        return Done(handed, (*finished, DossierForwarded(at, dossier.unit, None, None)))
    step = Step(plan, at, None)
    step = replace(step, due_at=step_deadline(handed, step, calendars).due_at)
    handed = replace(handed, steps=(*handed.steps, step))
    return Done(handed, (*finished, DossierForwarded(at, plan.unit, plan.name, step.due_at)))


def complete(dossier: Dossier, now: datetime, calendars: Calendars) -> Done:
    """Processing ended with what was asked for (2, 4, 6 to 9); the citizen is told at once, early or not (NĐ 61/2018,
    art. 20)."""
    at = judge(dossier, Act.COMPLETE, now)
    if dossier.status is Status.AWAITING_PAYMENT:
        dossier = resumed(dossier, at, calendars, Status.PROCESSING)
    return completed(dossier, at, Result.GRANTED, None)


def return_result(dossier: Dossier, now: datetime) -> Done:
    """Hand the result over (9 to 10), nothing owed; the outcome is that of processing, however late it is fetched."""
    at = judge(dossier, Act.RETURN_RESULT, now)
    processed_at = dossier.completed_at or at
    return Done(closed(dossier, at, Status.RETURNED), (ResultReturned(at, outcome(processed_at, dossier.due_at)),))


def withdraw(dossier: Dossier, now: datetime) -> Done:
    """The citizen takes the dossier back before it is done (to 7; NĐ 118/2025, art. 21)."""
    at = judge(dossier, Act.WITHDRAW, now)
    return Done(closed(dossier, at, Status.WITHDRAWN), (DossierWithdrawn(at, withdrawn_outcome()),))


def stop(dossier: Dossier, now: datetime, reason: str) -> Done:
    """Stop processing, with the reason (2, 4, 5, 6 to 8)."""
    at = judge(dossier, Act.STOP, now)
    if not reason.strip():
        raise refusal(dossier, Act.STOP, at, refusals.StopReasonMissing)
    return Done(closed(dossier, at, Status.STOPPED), (DossierStopped(at, reason),))

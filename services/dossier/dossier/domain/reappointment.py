"""Apology and re-appointment: at most once, with a letter and a later date, at least a day before the due date (NĐ
61/2018, art. 19(9)).

Either in one act (`extend`) or as a proposal when a breach is foreseen, which a leader approves or declines. The law
looks at the day on which the citizen is told, so an approval is judged again on its own day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dossier.domain import refusals
from dossier.domain.acts import judge, refusal
from dossier.domain.dossiers import ApologyProposal, Dossier
from dossier.domain.due_dates import Calendars, recounted
from dossier.domain.facts import ApologyDeclined, ApologyProposed, Done, DueDateExtended
from dossier.domain.instants import instant, local_day, moment
from dossier.domain.limits import Reappointment
from dossier.domain.refusals import Act


def extend(dossier: Dossier, now: datetime, calendars: Calendars, reason: str, letter: str, due_at: datetime) -> Done:
    """Apologise and promise a new date; a date outside working hours moves to the next opening. A waiting proposal
    lapses."""
    at = judge(dossier, Act.EXTEND, now)
    return _extended(dossier, Act.EXTEND, at, calendars, ApologyProposal(at, reason, letter, due_at))


def propose_apology(dossier: Dossier, now: datetime, reason: str, letter: str, due_at: datetime) -> Done:
    """Propose letter and new date for approval; nothing is promised yet."""
    at = judge(dossier, Act.PROPOSE_APOLOGY, now)
    proposal = ApologyProposal(at, reason, letter, moment(instant(due_at)))
    _check(dossier, Act.PROPOSE_APOLOGY, at, proposal)
    proposed = replace(dossier, proposal=proposal, last_act_at=at)
    return Done(proposed, (ApologyProposed(at, reason, letter, proposal.due_at),))


def approve_apology(dossier: Dossier, now: datetime, calendars: Calendars) -> Done:
    """Approve the waiting proposal: letter and new date go out now."""
    at = judge(dossier, Act.APPROVE_APOLOGY, now)
    if dossier.proposal is None:
        raise refusal(dossier, Act.APPROVE_APOLOGY, at, refusals.NoApologyProposed)
    return _extended(dossier, Act.APPROVE_APOLOGY, at, calendars, dossier.proposal)


def decline_apology(dossier: Dossier, now: datetime, reason: str) -> Done:
    """Decline the waiting proposal; the promise stands."""
    at = judge(dossier, Act.DECLINE_APOLOGY, now)
    return Done(replace(dossier, proposal=None, last_act_at=at), (ApologyDeclined(at, reason),))


def _extended(dossier: Dossier, act: Act, at: datetime, calendars: Calendars, proposal: ApologyProposal) -> Done:
    previous = _check(dossier, act, at, proposal)
    promised = replace(
        dossier,
        last_act_at=at,
        proposal=None,
        reappointments=dossier.reappointments + 1,
        reappointment=Reappointment(at, moment(instant(proposal.due_at))),
    )
    promised = recounted(promised, calendars)
    if promised.due_at is None:
        raise refusal(dossier, act, at, refusals.NothingToReappoint)
    fact = DueDateExtended(at, proposal.reason, proposal.letter, previous, promised.due_at)
    return Done(promised, (fact,))


def _check(dossier: Dossier, act: Act, at: datetime, proposal: ApologyProposal) -> datetime:
    """The due time to be moved, or ReappointmentIncomplete: reason, letter and a later date are all needed."""
    if dossier.due_at is None:
        raise refusal(dossier, act, at, refusals.NothingToReappoint)
    later = local_day(proposal.due_at) > local_day(dossier.due_at)
    if not (later and proposal.reason.strip() and proposal.letter.strip()):
        raise refusal(dossier, act, at, refusals.ReappointmentIncomplete)
    return dossier.due_at

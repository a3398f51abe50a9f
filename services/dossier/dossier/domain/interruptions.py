"""The business acts that stop the clock and start it again: the one supplement request and the financial duty."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from dossier.domain import refusals
from dossier.domain.acts import judge, refusal
from dossier.domain.changes import accepted, paused, resumed
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars, answer_until, calendar_of
from dossier.domain.facts import Done, PaymentRecorded, PaymentRequired, SupplementReceived, SupplementRequested
from dossier.domain.limits import IntervalKind, SupplementClock
from dossier.domain.refusals import Act
from dossier.domain.status import Status


def request_supplement(
    dossier: Dossier, now: datetime, calendars: Calendars, reason: str, respond_by: date | None = None
) -> Done:
    """Ask the citizen, once, to amend or supplement (1, 2, 4 to 5), with a reason and perhaps a last day to answer.

    NĐ 61/2018, art. 11(2)(c), 17(1) and 19(4); NĐ 118/2025, art. 11(2)(c), 17(1)(c) and 19(5). The clock stands still.
    A day that is named is taken for that of a special law; without one the decree's own holds, after appraisal only.
    """
    at = judge(dossier, Act.REQUEST_SUPPLEMENT, now)
    if not reason.strip():
        raise refusal(dossier, Act.REQUEST_SUPPLEMENT, at, refusals.SupplementReasonMissing)
    if dossier.status is Status.FILED:
        waiting = replace(dossier, status=Status.AWAITING_SUPPLEMENT, last_act_at=at)
    else:
        waiting = paused(dossier, at, IntervalKind.SUPPLEMENT, Status.AWAITING_SUPPLEMENT)
        waiting = replace(waiting, resumes_as=dossier.status)
        respond_by = respond_by or answer_until(calendar_of(calendars, dossier.unit), dossier.rules, at)
    waiting = replace(waiting, respond_by=respond_by, supplement_requests=dossier.supplement_requests + 1)
    return Done(waiting, (SupplementRequested(at, reason, respond_by, dossier.due_at),))


def receive_supplement(dossier: Dossier, now: datetime, calendars: Calendars) -> Done:
    """The full dossier is in (5 to 2 or 4): its limit starts from zero or goes on, as the procedure says (NĐ 61/2018,
    art. 19(4)).

    Asked for at intake it is accepted now, and its limit begins. A restart annuls a re-appointed date, not the fact
    that there was one.
    """
    at = judge(dossier, Act.RECEIVE_SUPPLEMENT, now)
    previous = dossier.standing_due_at
    if dossier.resumes_as is None:
        full = accepted(dossier, at, calendars)
    else:
        model = dossier.terms.supplement_clock or dossier.rules.supplement_clock
        kept = dossier.reappointment if model is SupplementClock.PAUSE else None
        full = replace(dossier, reappointment=kept, resumes_as=None, respond_by=None)
        full = resumed(full, at, calendars, dossier.resumes_as)
    return Done(full, (SupplementReceived(at, previous, full.due_at),))


def require_payment(dossier: Dossier, now: datetime, amount: int) -> Done:
    """Ask for a fee, a tax or another financial duty, in đồng (2, 4 to 6); the clock stands still (status 6 of the
    national list)."""
    at = judge(dossier, Act.REQUIRE_PAYMENT, now)
    if amount <= 0:
        raise refusal(dossier, Act.REQUIRE_PAYMENT, at, refusals.WrongAmount)
    owing = paused(dossier, at, IntervalKind.PAYMENT, Status.AWAITING_PAYMENT)
    owing = replace(owing, fee_required=dossier.fee_required + amount)
    return Done(owing, (PaymentRequired(at, amount, owing.fee_outstanding),))


def record_payment(dossier: Dossier, now: datetime, calendars: Calendars, amount: int) -> Done:
    """Record money that came in, in đồng; once nothing is owed processing goes on (6 to 4), a finished dossier stays
    finished."""
    at = judge(dossier, Act.RECORD_PAYMENT, now)
    if not 0 < amount <= dossier.fee_outstanding:
        raise refusal(dossier, Act.RECORD_PAYMENT, at, refusals.WrongAmount)
    paid = replace(dossier, fee_paid=dossier.fee_paid + amount, last_act_at=at)
    if paid.status is Status.AWAITING_PAYMENT and not paid.fee_outstanding:
        paid = resumed(paid, at, calendars, Status.PROCESSING)
    return Done(paid, (PaymentRecorded(at, amount, paid.fee_outstanding, paid.due_at),))

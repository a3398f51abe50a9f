"""Which acts a dossier allows at a moment: the transitions between statuses and the rules that need no argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from dossier.domain import refusals
from dossier.domain.dossiers import Dossier
from dossier.domain.instants import instant, local_day, moment
from dossier.domain.refusals import Act, RuleBroken
from dossier.domain.status import Status

CLOCK_SKEW = timedelta(seconds=60)
"""How far the clocks of two of our processes may disagree before an act counts as out of order."""

_OPEN = frozenset({Status.ACCEPTED, Status.PROCESSING})
_STAYS = {status: frozenset({status}) for status in _OPEN}

TRANSITIONS: dict[Act, dict[Status, frozenset[Status]]] = {
    Act.ACCEPT: {Status.FILED: frozenset({Status.ACCEPTED})},
    Act.REJECT: {
        Status.FILED: frozenset({Status.REJECTED}),
        Status.AWAITING_SUPPLEMENT: frozenset({Status.REJECTED}),
        Status.ACCEPTED: frozenset({Status.COMPLETED}),
        Status.PROCESSING: frozenset({Status.COMPLETED}),
    },
    Act.REQUEST_SUPPLEMENT: dict.fromkeys(_OPEN | {Status.FILED}, frozenset({Status.AWAITING_SUPPLEMENT})),
    Act.RECEIVE_SUPPLEMENT: {Status.AWAITING_SUPPLEMENT: _OPEN},
    Act.REQUIRE_PAYMENT: dict.fromkeys(_OPEN, frozenset({Status.AWAITING_PAYMENT})),
    Act.RECORD_PAYMENT: {
        Status.AWAITING_PAYMENT: frozenset({Status.AWAITING_PAYMENT, Status.PROCESSING}),
        Status.COMPLETED: frozenset({Status.COMPLETED}),
    },
    Act.FORWARD: dict.fromkeys(_OPEN, frozenset({Status.PROCESSING})),
    Act.PROPOSE_APOLOGY: _STAYS,
    Act.APPROVE_APOLOGY: _STAYS,
    Act.DECLINE_APOLOGY: _STAYS,
    Act.EXTEND: _STAYS,
    Act.STOP: dict.fromkeys(_OPEN | {Status.AWAITING_SUPPLEMENT, Status.AWAITING_PAYMENT}, frozenset({Status.STOPPED})),
    Act.WITHDRAW: dict.fromkeys(
        _OPEN | {Status.FILED, Status.AWAITING_SUPPLEMENT, Status.AWAITING_PAYMENT}, frozenset({Status.WITHDRAWN})
    ),
    Act.COMPLETE: dict.fromkeys(_OPEN | {Status.AWAITING_PAYMENT}, frozenset({Status.COMPLETED})),
    Act.RETURN_RESULT: {Status.COMPLETED: frozenset({Status.RETURNED})},
    Act.RESOLVE_ON_THE_SPOT: {Status.FILED: frozenset({Status.RETURNED})},
}
"""From which status each act leads to which (TrangThaiHoSo). A refusal after appraisal is a result: 9, not 3."""

Objection = type[RuleBroken] | None


def allowed_acts(dossier: Dossier, now: datetime) -> tuple[Act, ...]:
    """The acts that the dossier's status, history and dates allow now.

    An act may still be refused for what it brings: a missing reason, a wrong amount, a date that is not later.
    """
    return tuple(act for act in Act if _objection(dossier, act, now) is None)


def refusal(dossier: Dossier, act: Act, now: datetime, error: type[RuleBroken]) -> RuleBroken:
    """The named error, with the article of the dossier's own rule set and the acts allowed now."""
    return error(act, dossier.rules.provisions[error.rule_id], allowed_acts(dossier, now))


def judge(dossier: Dossier, act: Act, now: datetime) -> datetime:
    """The moment at which the act counts, to the second, or the rule it breaks is raised.

    Never before the last act: where clocks disagree by less than CLOCK_SKEW the act counts at the last act's moment.
    """
    at = max(moment(instant(now)), dossier.last_act_at)
    if now + CLOCK_SKEW < dossier.last_act_at:
        raise refusal(dossier, act, at, refusals.ActOutOfOrder)
    error = _objection(dossier, act, at)
    if error is not None:
        raise refusal(dossier, act, at, error)
    return at


def _objection(dossier: Dossier, act: Act, now: datetime) -> Objection:
    if dossier.status.closed:
        return refusals.DossierClosed
    if act is Act.REQUEST_SUPPLEMENT and dossier.supplement_requests >= dossier.rules.supplement_requests:
        return refusals.SupplementAlreadyRequested
    if dossier.status not in TRANSITIONS[act]:
        return refusals.WithdrawalTooLate if act is Act.WITHDRAW else refusals.ActNotAllowed
    check = _CHECKS.get(act)
    return check(dossier, now) if check else None


def _request_supplement(dossier: Dossier, now: datetime) -> Objection:
    """At most three working days after receipt (NĐ 61/2018, art. 19(4); NĐ 118/2025, art. 19(5)); nothing has been received
    before acceptance."""
    late = dossier.supplement_until is not None and local_day(now) > dossier.supplement_until
    return refusals.SupplementTooLate if late else None


def _reject(dossier: Dossier, now: datetime) -> Objection:
    """After appraisal in time (NĐ 61/2018, art. 19(8); NĐ 118/2025, art. 19(3)); while a supplement is awaited only once
    its day has passed (NĐ 118/2025, art. 19(5))."""
    if dossier.status is Status.AWAITING_SUPPLEMENT:
        passed = dossier.respond_by is not None and local_day(now) > dossier.respond_by
        return None if passed else refusals.SupplementStillAwaited
    late = dossier.due_at is not None and local_day(now) > local_day(dossier.due_at)
    return refusals.RefusalTooLate if late else None


def _reappoint(dossier: Dossier, now: datetime) -> Objection:
    """At most once, at least one day (calendar, by date) before the due date (NĐ 61/2018, art. 19(9); NĐ 118/2025, art.
    19(6))."""
    if dossier.reappointments >= dossier.rules.reappointments:
        return refusals.AlreadyReappointed
    if dossier.due_at is None:
        return refusals.NothingToReappoint
    last_day = local_day(dossier.due_at) - timedelta(days=dossier.rules.reappointment_lead_days)
    return refusals.ReappointmentTooLate if local_day(now) > last_day else None


def _propose(dossier: Dossier, now: datetime) -> Objection:
    return _reappoint(dossier, now) or (refusals.ApologyAlreadyProposed if dossier.proposal else None)


def _approve(dossier: Dossier, now: datetime) -> Objection:
    return _decline(dossier, now) or _reappoint(dossier, now)


def _decline(dossier: Dossier, _now: datetime) -> Objection:
    return None if dossier.proposal else refusals.NoApologyProposed


def _forward(dossier: Dossier, _now: datetime) -> Objection:
    """NĐ 61/2018, art. 19(6)(7): the planned steps in their order; a procedure without steps is forwarded once."""
    missing = dossier.next_step is None and (dossier.status is Status.PROCESSING or bool(dossier.terms.steps))
    return refusals.NoNextStep if missing else None


def _record_payment(dossier: Dossier, _now: datetime) -> Objection:
    return None if dossier.fee_outstanding > 0 else refusals.NoFeeOutstanding


def _return_result(dossier: Dossier, _now: datetime) -> Objection:
    return refusals.FeeOutstanding if dossier.fee_outstanding > 0 else None


def _resolve_on_the_spot(dossier: Dossier, _now: datetime) -> Objection:
    return None if dossier.terms.on_the_spot else refusals.NotOnTheSpot


_CHECKS: dict[Act, Callable[[Dossier, datetime], Objection]] = {
    Act.REQUEST_SUPPLEMENT: _request_supplement,
    Act.REJECT: _reject,
    Act.EXTEND: _reappoint,
    Act.PROPOSE_APOLOGY: _propose,
    Act.APPROVE_APOLOGY: _approve,
    Act.DECLINE_APOLOGY: _decline,
    Act.FORWARD: _forward,
    Act.RECORD_PAYMENT: _record_payment,
    Act.RETURN_RESULT: _return_result,
    Act.RESOLVE_ON_THE_SPOT: _resolve_on_the_spot,
}

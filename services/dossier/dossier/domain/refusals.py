"""The named errors of a business act that breaks a rule: each says the rule in Vietnamese, its article, and what is
allowed instead."""

from __future__ import annotations

from enum import Enum

from dossier.domain.rules import Provision, Rule


class Act(Enum):
    """The business acts on a dossier that exists; the value is the last part of its address."""

    ACCEPT = "accept"
    REJECT = "reject"
    REQUEST_SUPPLEMENT = "request-supplement"
    RECEIVE_SUPPLEMENT = "receive-supplement"
    REQUIRE_PAYMENT = "require-payment"
    RECORD_PAYMENT = "record-payment"
    FORWARD = "forward"
    PROPOSE_APOLOGY = "propose-apology"
    APPROVE_APOLOGY = "approve-apology"
    DECLINE_APOLOGY = "decline-apology"
    EXTEND = "extend"
    STOP = "stop"
    WITHDRAW = "withdraw"
    COMPLETE = "complete"
    RETURN_RESULT = "return-result"
    RESOLVE_ON_THE_SPOT = "resolve-on-the-spot"


class RuleBroken(Exception):
    """A refused act. `rule_id` names the rule, `rule` says it, `article` is where it stands, `allowed` what may be done
    now."""

    rule_id: Rule = Rule.STATUS

    def __init__(self, act: Act, provision: Provision, allowed: tuple[Act, ...]) -> None:
        super().__init__(f"{provision.text} ({provision.article})")
        self.act = act
        self.rule = provision.text
        self.article = provision.article
        self.allowed = allowed


class ActNotAllowed(RuleBroken):
    """The status has no such act."""


class DossierClosed(ActNotAllowed):
    """The dossier has ended: rejected, withdrawn, stopped or returned."""


class ActOutOfOrder(RuleBroken):
    """The act is dated before the last one."""

    rule_id = Rule.ORDER_OF_ACTS


class SupplementAlreadyRequested(RuleBroken):
    """A supplement may be asked for once, intake included."""

    rule_id = Rule.SUPPLEMENT_ONCE


class SupplementTooLate(RuleBroken):
    """A dossier is returned for supplement within three working days of receipt."""

    rule_id = Rule.SUPPLEMENT_IN_TIME


class SupplementReasonMissing(RuleBroken):
    """A supplement slip gives its reason."""

    rule_id = Rule.SUPPLEMENT_REASON


class SupplementStillAwaited(RuleBroken):
    """The day to answer a supplement request has not passed."""

    rule_id = Rule.SUPPLEMENT_AWAITED


class RefusalReasonMissing(RuleBroken):
    """A refusal slip gives its reason."""

    rule_id = Rule.REFUSAL_REASON


class RefusalTooLate(RuleBroken):
    """A refusal after appraisal comes within the time limit."""

    rule_id = Rule.REFUSAL_IN_TIME


class NoNextStep(RuleBroken):
    """Every planned step has begun."""

    rule_id = Rule.NEXT_STEP


class NotOnTheSpot(RuleBroken):
    """The procedure does not give its result at once."""

    rule_id = Rule.ON_THE_SPOT


class AlreadyReappointed(RuleBroken):
    """The result is re-appointed at most once."""

    rule_id = Rule.REAPPOINTMENT_ONCE


class ReappointmentTooLate(RuleBroken):
    """Letter and new date come at least a day before the due date."""

    rule_id = Rule.REAPPOINTMENT_IN_TIME


class ReappointmentIncomplete(RuleBroken):
    """A re-appointment has a letter of apology, a reason and a later date."""

    rule_id = Rule.REAPPOINTMENT_LETTER


class NothingToReappoint(ReappointmentIncomplete):
    """There is no due date to move."""


class ApologyAlreadyProposed(ReappointmentIncomplete):
    """A proposal is waiting already."""


class NoApologyProposed(ReappointmentIncomplete):
    """There is no proposal to decide on."""


class WrongAmount(RuleBroken):
    """An amount is a positive number of đồng and not more than is owed."""

    rule_id = Rule.FEE


class NoFeeOutstanding(RuleBroken):
    """Nothing is owed."""

    rule_id = Rule.FEE


class FeeOutstanding(RuleBroken):
    """The result is not handed over while a fee is owed."""

    rule_id = Rule.FEE


class WithdrawalTooLate(ActNotAllowed):
    """A dossier is withdrawn before it is done."""

    rule_id = Rule.WITHDRAWAL


class StopReasonMissing(RuleBroken):
    """A stop gives its reason."""

    rule_id = Rule.STOP_REASON

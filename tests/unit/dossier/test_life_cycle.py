"""The life cycle of a dossier: what each business act makes true."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from dossier.calendars import OverrideRow, unit_calendar
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel, Dossier, Result, StepPlan, Terms
from dossier.domain.due_dates import UnitWithoutCalendar, dossier_deadline
from dossier.domain.explanation import Why
from dossier.domain.facts import (
    ApologyDeclined,
    ApologyProposed,
    DossierAccepted,
    DossierCompleted,
    DossierForwarded,
    DossierReceived,
    DossierRejected,
    DossierStopped,
    DossierWithdrawn,
    DueDateChanged,
    DueDateExtended,
    Fact,
    PaymentRecorded,
    PaymentRequired,
    ResultReturned,
    StepDueDateChanged,
    StepFinished,
    SupplementReceived,
    SupplementRequested,
)
from dossier.domain.hours import Hours
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit, SupplementClock
from dossier.domain.outcome import Outcome
from dossier.domain.refusals import Act
from dossier.domain.status import Status

WARD, TAX = "H52.17.05", "H52.T1"
CALENDARS = {WARD: unit_calendar(), TAX: unit_calendar(Hours.office("08:00-12:00, 13:00-17:00"))}
TERMS = Terms("1.005129", Limit.working_days(10))
CODE = "000.05.17.H52-211012-0001"


def at(text: str) -> datetime:
    """`12/10 09:00` of 2021 in Vietnam."""
    return datetime.strptime(f"2021 {text}", "%Y %d/%m %H:%M").replace(tzinfo=VIETNAM)


def filed(terms: Terms = TERMS, channel: Channel = Channel.DIRECT, when: str = "12/10 09:00") -> Dossier:
    return lifecycle.receive(CODE, terms, WARD, channel, at(when), CALENDARS).dossier


def accepted(terms: Terms = TERMS, when: str = "12/10 09:00") -> Dossier:
    return lifecycle.accept(filed(terms, when=when), at(when), CALENDARS).dossier


def processing(terms: Terms = TERMS) -> Dossier:
    return lifecycle.forward(accepted(terms), at("12/10 10:00"), CALENDARS).dossier


def test_a_dossier_from_filing_through_supplement_extension_and_result() -> None:
    facts: list[Fact] = []
    dossier, new = lifecycle.receive(CODE, TERMS, WARD, Channel.ONLINE, at("12/10 08:00"), CALENDARS)
    facts += new
    dossier, new = lifecycle.accept(dossier, at("12/10 09:00"), CALENDARS)
    facts += new
    dossier, new = lifecycle.forward(dossier, at("12/10 10:00"), CALENDARS)
    facts += new
    dossier, new = lifecycle.request_supplement(
        dossier, at("14/10 09:00"), CALENDARS, "Thiếu bản vẽ", date(2021, 10, 29)
    )
    facts += new
    dossier, new = lifecycle.receive_supplement(dossier, at("18/10 14:00"), CALENDARS)
    facts += new
    dossier, new = lifecycle.extend(
        dossier, at("29/10 10:00"), CALENDARS, "Chờ ý kiến", "Thư xin lỗi", at("05/11 14:00")
    )
    facts += new
    dossier, new = lifecycle.complete(dossier, at("05/11 10:00"), CALENDARS)
    facts += new
    dossier, new = lifecycle.return_result(dossier, at("08/11 10:00"))
    facts += new
    assert facts == [
        DossierReceived(at("12/10 08:00"), at("12/10 17:00").replace(day=13, hour=8)),
        DossierAccepted(at("12/10 09:00"), at("26/10 09:00"), at("12/10 17:00"), True),
        DossierForwarded(at("12/10 10:00"), WARD, None, None),
        SupplementRequested(at("14/10 09:00"), "Thiếu bản vẽ", date(2021, 10, 29), at("26/10 09:00")),
        SupplementReceived(at("18/10 14:00"), at("26/10 09:00"), at("01/11 14:00")),
        DueDateExtended(at("29/10 10:00"), "Chờ ý kiến", "Thư xin lỗi", at("01/11 14:00"), at("05/11 14:00")),
        DossierCompleted(at("05/11 10:00"), Result.GRANTED, Outcome.ON_TIME),
        ResultReturned(at("08/11 10:00"), Outcome.ON_TIME),
    ]
    assert (dossier.status, dossier.first_due_at, dossier.due_at) == (
        Status.RETURNED,
        at("26/10 09:00"),
        at("05/11 14:00"),
    )
    told = dossier_deadline(dossier, CALENDARS)
    assert told is not None
    assert [told.explanation.entries[index].why for index in (0, -1)] == [Why.RESTARTED, Why.REAPPOINTED]
    assert told.explanation.counted == told.explanation.total == 10


def test_the_rule_set_is_that_of_the_day_of_filing_and_stays() -> None:
    old = lifecycle.receive(CODE, TERMS, WARD, Channel.DIRECT, datetime(2025, 6, 30, 9, tzinfo=VIETNAM), CALENDARS)
    taken = lifecycle.accept(old.dossier, datetime(2025, 7, 1, 9, tzinfo=VIETNAM), CALENDARS)
    assert taken.dossier.rule_set_id == old.dossier.rule_set_id == "nd-61-2018"


def test_only_an_online_filing_has_a_time_to_be_answered() -> None:
    assert filed(channel=Channel.DIRECT).intake_due_at is None
    assert filed(channel=Channel.ONLINE, when="12/10 20:00").intake_due_at == at("13/10 17:00")


@pytest.mark.parametrize(
    ("received", "forward_due_at"),
    [
        ("12/10 09:00", "12/10 17:00"),
        ("12/10 15:00", "12/10 17:00"),
        ("12/10 15:01", "13/10 11:30"),
        ("15/10 16:00", "18/10 11:30"),
        ("15/10 18:00", "18/10 17:00"),  # received outside hours: Monday's opening
    ],
)
def test_after_15_00_forwarding_starts_the_next_working_day(received: str, forward_due_at: str) -> None:
    assert accepted(when=received).forward_due_at == at(forward_due_at)


def test_a_supplement_asked_for_at_intake_starts_the_limit_when_it_is_in() -> None:
    waiting, facts = lifecycle.request_supplement(filed(), at("12/10 10:00"), CALENDARS, "Thiếu bản sao")
    assert facts == (SupplementRequested(at("12/10 10:00"), "Thiếu bản sao", None, None),)
    full, facts = lifecycle.receive_supplement(waiting, at("14/10 09:00"), CALENDARS)
    assert facts == (SupplementReceived(at("14/10 09:00"), None, at("28/10 09:00")),)
    assert (full.status, full.accepted_at, full.first_due_at) == (
        Status.ACCEPTED,
        at("14/10 09:00"),
        at("28/10 09:00"),
    )


def test_a_supplement_under_the_pause_model_moves_the_date_by_the_wait() -> None:
    pausing = Terms("1.005129", Limit.working_days(10), SupplementClock.PAUSE)
    waiting = lifecycle.request_supplement(processing(pausing), at("14/10 09:00"), CALENDARS, "Thiếu bản vẽ").dossier
    assert (waiting.status, waiting.due_at) == (Status.AWAITING_SUPPLEMENT, None)
    full = lifecycle.receive_supplement(waiting, at("18/10 14:00"), CALENDARS)
    assert full.facts == (SupplementReceived(at("18/10 14:00"), at("26/10 09:00"), at("28/10 14:00")),)
    assert full.dossier.status is Status.PROCESSING


def test_a_dossier_goes_on_from_where_it_was_asked_for_a_supplement() -> None:
    waiting = lifecycle.request_supplement(accepted(), at("12/10 11:00"), CALENDARS, "Thiếu bản vẽ").dossier
    assert lifecycle.receive_supplement(waiting, at("13/10 11:00"), CALENDARS).dossier.status is Status.ACCEPTED


def test_the_last_day_to_ask_for_a_supplement_is_the_third_working_day() -> None:
    assert accepted().supplement_until == date(2021, 10, 15)
    assert accepted(when="14/10 09:00").supplement_until == date(2021, 10, 19)
    special = Terms("1.005129", Limit.working_days(10), supplement_within_days=5)
    assert accepted(special).supplement_until == date(2021, 10, 19)


def test_an_unanswered_supplement_request_ends_in_rejection() -> None:
    waiting = lifecycle.request_supplement(
        filed(), at("12/10 10:00"), CALENDARS, "Thiếu bản sao", date(2021, 10, 20)
    ).dossier
    rejected, facts = lifecycle.reject(waiting, at("21/10 08:00"), "Quá hạn bổ sung")
    assert (rejected.status, facts) == (Status.REJECTED, (DossierRejected(at("21/10 08:00"), "Quá hạn bổ sung"),))


def test_a_refusal_at_intake_ends_the_dossier() -> None:
    rejected = lifecycle.reject(filed(), at("12/10 10:00"), "Không thuộc thẩm quyền").dossier
    assert (rejected.status, rejected.closed_at) == (Status.REJECTED, at("12/10 10:00"))


def test_a_refusal_after_appraisal_is_a_result_that_is_still_returned() -> None:
    refused, facts = lifecycle.reject(processing(), at("26/10 16:00"), "Không đủ điều kiện")
    assert facts == (DossierCompleted(at("26/10 16:00"), Result.REFUSED, Outcome.ON_TIME, "Không đủ điều kiện"),)
    assert lifecycle.return_result(refused, at("27/10 08:00")).dossier.status is Status.RETURNED


def test_a_financial_duty_stops_the_clock_until_it_is_paid_in_full() -> None:
    owing, facts = lifecycle.require_payment(processing(), at("13/10 09:00"), 150_000)
    assert facts == (PaymentRequired(at("13/10 09:00"), 150_000, 150_000),)
    assert (owing.status, owing.due_at) == (Status.AWAITING_PAYMENT, None)
    part, facts = lifecycle.record_payment(owing, at("13/10 14:00"), CALENDARS, 50_000)
    assert facts == (PaymentRecorded(at("13/10 14:00"), 50_000, 100_000, None),)
    paid, facts = lifecycle.record_payment(part, at("14/10 09:00"), CALENDARS, 100_000)
    assert facts == (PaymentRecorded(at("14/10 09:00"), 100_000, 0, at("27/10 09:00")),)
    assert (paid.status, paid.fee_outstanding) == (Status.PROCESSING, 0)


def test_a_fee_may_be_paid_when_the_result_is_fetched() -> None:
    owing = lifecycle.require_payment(processing(), at("13/10 09:00"), 150_000).dossier
    done = lifecycle.complete(owing, at("14/10 09:00"), CALENDARS).dossier
    assert (done.status, done.due_at) == (Status.COMPLETED, at("27/10 09:00"))
    paid = lifecycle.record_payment(done, at("15/10 09:00"), CALENDARS, 150_000).dossier
    assert lifecycle.return_result(paid, at("15/10 09:00")).dossier.status is Status.RETURNED


def test_each_step_has_its_unit_its_limit_and_its_own_due_time() -> None:
    steps = (
        StepPlan("Thẩm định", WARD, Limit.working_days(2)),
        StepPlan("Xác định nghĩa vụ tài chính", TAX, Limit.working_hours(8)),
    )
    first, facts = lifecycle.forward(
        accepted(Terms("1.005129", Limit.working_days(10), steps=steps)), at("12/10 10:00"), CALENDARS
    )
    assert facts == (DossierForwarded(at("12/10 10:00"), WARD, "Thẩm định", at("14/10 10:00")),)
    second, facts = lifecycle.forward(first, at("15/10 11:00"), CALENDARS)
    assert facts == (
        StepFinished(at("15/10 11:00"), WARD, "Thẩm định", Outcome.LATE),
        DossierForwarded(at("15/10 11:00"), TAX, "Xác định nghĩa vụ tài chính", at("18/10 11:00")),
    )
    done, facts = lifecycle.complete(second, at("18/10 09:00"), CALENDARS)
    assert facts[0] == StepFinished(at("18/10 09:00"), TAX, "Xác định nghĩa vụ tài chính", Outcome.ON_TIME)
    assert done.current_step is None


def test_the_step_stands_still_with_the_dossier() -> None:
    steps = (StepPlan("Thẩm định", TAX, Limit.working_days(2)),)
    dossier = lifecycle.forward(
        accepted(Terms("1.005129", Limit.working_days(10), steps=steps)), at("12/10 10:00"), CALENDARS
    ).dossier
    owing = lifecycle.require_payment(dossier, at("13/10 09:00"), 1).dossier
    assert owing.current_step is not None
    assert owing.current_step.due_at is None
    paid = lifecycle.record_payment(owing, at("14/10 09:00"), CALENDARS, 1).dossier
    assert paid.current_step is not None
    assert paid.current_step.due_at == at("15/10 10:00")


def test_a_unit_without_a_calendar_cannot_be_given_a_step() -> None:
    steps = (StepPlan("Thẩm định", "H52.99", Limit.working_days(2)),)
    with pytest.raises(UnitWithoutCalendar, match=r"H52\.99"):
        lifecycle.forward(
            accepted(Terms("1.005129", Limit.working_days(10), steps=steps)), at("12/10 10:00"), CALENDARS
        )


@pytest.mark.parametrize("receipt", [False, True])
def test_a_result_on_the_spot_needs_no_receipt_but_is_recorded(receipt: bool) -> None:
    terms = Terms("2.000815", Limit.working_days(1), on_the_spot=True)
    done, facts = lifecycle.resolve_on_the_spot(filed(terms), at("12/10 09:05"), CALENDARS, receipt)
    assert done.status is Status.RETURNED
    assert [type(fact) for fact in facts] == [DossierAccepted, DossierCompleted, ResultReturned]
    acceptance = facts[0]
    assert isinstance(acceptance, DossierAccepted)
    assert acceptance.receipt is receipt


def test_a_dossier_without_a_limit_is_never_late() -> None:
    dossier = accepted(Terms("1.000001", Limit.none()))
    assert dossier.due_at is None
    done = lifecycle.complete(dossier, at("12/12 09:00"), CALENDARS)
    assert done.facts == (DossierCompleted(at("12/12 09:00"), Result.GRANTED, Outcome.ON_TIME),)


def test_withdrawal_and_stop_end_a_dossier() -> None:
    withdrawn, facts = lifecycle.withdraw(processing(), at("13/10 09:00"))
    assert (withdrawn.status, facts) == (Status.WITHDRAWN, (DossierWithdrawn(at("13/10 09:00"), Outcome.ON_TIME),))
    owing = lifecycle.require_payment(processing(), at("13/10 09:00"), 1).dossier
    stopped, facts = lifecycle.stop(owing, at("14/10 09:00"), "Có quyết định của tòa án")
    assert facts == (DossierStopped(at("14/10 09:00"), "Có quyết định của tòa án"),)
    assert stopped.intervals[-1].ended_at == at("14/10 09:00")
    assert not stopped.current_step


def test_an_apology_is_proposed_approved_and_becomes_the_one_re_appointment() -> None:
    proposed, facts = lifecycle.propose_apology(processing(), at("20/10 09:00"), "Chờ ý kiến", "Thư", at("29/10 09:00"))
    assert facts == (ApologyProposed(at("20/10 09:00"), "Chờ ý kiến", "Thư", at("29/10 09:00")),)
    assert proposed.due_at == at("26/10 09:00"), "nothing is promised yet"
    approved, facts = lifecycle.approve_apology(proposed, at("25/10 16:00"), CALENDARS)
    assert facts == (DueDateExtended(at("25/10 16:00"), "Chờ ý kiến", "Thư", at("26/10 09:00"), at("29/10 09:00")),)
    assert (approved.proposal, approved.reappointments) == (None, 1)


def test_a_declined_apology_leaves_the_promise() -> None:
    proposed = lifecycle.propose_apology(processing(), at("20/10 09:00"), "Bận", "Thư", at("29/10 09:00")).dossier
    declined, facts = lifecycle.decline_apology(proposed, at("21/10 09:00"), "Làm thêm giờ")
    assert facts == (ApologyDeclined(at("21/10 09:00"), "Làm thêm giờ"),)
    assert (declined.proposal, declined.due_at, declined.reappointments) == (None, at("26/10 09:00"), 0)


def test_a_changed_calendar_moves_an_open_dossier_and_says_so() -> None:
    steps = (StepPlan("Thẩm định", WARD, Limit.working_days(3)),)
    dossier = lifecycle.forward(
        accepted(Terms("1.005129", Limit.working_days(10), steps=steps)), at("12/10 10:00"), CALENDARS
    ).dossier
    storm = {WARD: unit_calendar(overrides=[OverrideRow(date(2021, 10, 14), False, "Nghỉ phòng, chống lụt bão")])}
    moved, facts = lifecycle.follow_calendar(dossier, at("13/10 08:00"), storm)
    assert facts == (
        DueDateChanged(at("13/10 08:00"), at("26/10 09:00"), at("27/10 09:00")),
        StepDueDateChanged(at("13/10 08:00"), WARD, "Thẩm định", at("15/10 10:00"), at("18/10 10:00")),
    )
    assert (moved.due_at, moved.first_due_at) == (at("27/10 09:00"), at("26/10 09:00"))
    assert moved.supplement_until == date(2021, 10, 18)
    assert lifecycle.follow_calendar(moved, at("13/10 09:00"), storm).facts == ()


def test_a_changed_calendar_moves_the_answer_to_an_online_filing() -> None:
    storm = {WARD: unit_calendar(overrides=[OverrideRow(date(2021, 10, 13), False, "Nghỉ phòng, chống lụt bão")])}
    moved = lifecycle.follow_calendar(filed(channel=Channel.ONLINE), at("12/10 10:00"), storm).dossier
    assert moved.intake_due_at == at("14/10 09:00")


def test_a_changed_calendar_never_moves_a_finished_or_a_standing_dossier() -> None:
    storm = {WARD: unit_calendar(overrides=[OverrideRow(date(2021, 10, 14), False, "Nghỉ phòng, chống lụt bão")])}
    done = lifecycle.complete(processing(), at("13/10 08:00"), CALENDARS).dossier
    returned = lifecycle.return_result(done, at("13/10 09:00")).dossier
    for dossier in (done, returned, lifecycle.withdraw(processing(), at("13/10 09:00")).dossier):
        assert lifecycle.follow_calendar(dossier, at("13/10 10:00"), storm) == (dossier, ())
    waiting = lifecycle.request_supplement(processing(), at("13/10 09:00"), CALENDARS, "Thiếu").dossier
    assert lifecycle.follow_calendar(waiting, at("13/10 10:00"), storm).facts == ()


def test_acts_in_the_same_second_keep_their_order_and_a_small_clock_difference_is_forgiven() -> None:
    dossier = lifecycle.accept(filed(), at("12/10 09:00"), CALENDARS).dossier
    same = lifecycle.forward(dossier, at("12/10 09:00").replace(microsecond=5), CALENDARS)
    assert same.facts[0].at == at("12/10 09:00")
    behind = lifecycle.forward(dossier, at("12/10 08:59").replace(second=30), CALENDARS)
    assert behind.dossier.last_act_at == at("12/10 09:00")


def test_a_full_dossier_offers_its_acts() -> None:
    assert lifecycle.allowed_acts(filed(), at("12/10 10:00")) == (
        Act.ACCEPT,
        Act.REJECT,
        Act.REQUEST_SUPPLEMENT,
        Act.WITHDRAW,
    )
    assert lifecycle.allowed_acts(processing(), at("13/10 10:00")) == (
        Act.REJECT,
        Act.REQUEST_SUPPLEMENT,
        Act.REQUIRE_PAYMENT,
        Act.PROPOSE_APOLOGY,
        Act.EXTEND,
        Act.STOP,
        Act.WITHDRAW,
        Act.COMPLETE,
    )
    returned = lifecycle.return_result(
        lifecycle.complete(processing(), at("13/10 08:00"), CALENDARS).dossier, at("13/10 09:00")
    ).dossier
    assert lifecycle.allowed_acts(returned, at("13/10 10:00")) == ()

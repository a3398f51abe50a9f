"""Every refused act: the named error, the article it breaks, and the acts that are allowed instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from dossier.calendars import unit_calendar
from dossier.domain import lifecycle, refusals
from dossier.domain.acts import TRANSITIONS, allowed_acts
from dossier.domain.dossiers import Channel, Dossier, StepPlan, Terms
from dossier.domain.facts import Done
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.domain.refusals import Act, RuleBroken
from dossier.domain.rules import Rule
from dossier.domain.status import Status

WARD = "H52.17.05"
CALENDARS = {WARD: unit_calendar()}
STATUS_LIST = "Danh mục trạng thái hồ sơ (TrangThaiHoSo), Cổng Dịch vụ công quốc gia"


def at(text: str) -> datetime:
    """`12/10 09:00` of 2021 in Vietnam."""
    return datetime.strptime(f"2021 {text}", "%Y %d/%m %H:%M").replace(tzinfo=VIETNAM)


def filed(**terms: object) -> Dossier:
    made = Terms("1.005129", Limit.working_days(10), **terms)  # type: ignore[arg-type]
    return lifecycle.receive("H52-1", made, WARD, Channel.DIRECT, at("12/10 09:00"), CALENDARS).dossier


def accepted(**terms: object) -> Dossier:
    return lifecycle.accept(filed(**terms), at("12/10 09:00"), CALENDARS).dossier


def processing(**terms: object) -> Dossier:
    return lifecycle.forward(accepted(**terms), at("12/10 10:00"), CALENDARS).dossier


def awaiting(respond_by: date | None = None) -> Dossier:
    return lifecycle.request_supplement(processing(), at("13/10 09:00"), CALENDARS, "Thiếu bản vẽ", respond_by).dossier


def supplemented() -> Dossier:
    return lifecycle.receive_supplement(awaiting(), at("14/10 09:00"), CALENDARS).dossier


def owing() -> Dossier:
    return lifecycle.require_payment(processing(), at("13/10 09:00"), 100).dossier


def completed() -> Dossier:
    return lifecycle.complete(processing(), at("13/10 09:00"), CALENDARS).dossier


def completed_owing() -> Dossier:
    return lifecycle.complete(owing(), at("13/10 10:00"), CALENDARS).dossier


def without_limit() -> Dossier:
    made = lifecycle.receive("H52-1", Terms("1", Limit.none()), WARD, Channel.DIRECT, at("12/10 09:00"), CALENDARS)
    return lifecycle.accept(made.dossier, at("12/10 09:00"), CALENDARS).dossier


def extend(dossier: Dossier, when: str, due: str = "29/10 09:00", reason: str = "Bận", letter: str = "Thư") -> Done:
    return lifecycle.extend(dossier, at(when), CALENDARS, reason, letter, at(due))


def propose(dossier: Dossier, when: str, due: str = "29/10 09:00", reason: str = "Bận", letter: str = "Thư") -> Done:
    return lifecycle.propose_apology(dossier, at(when), reason, letter, at(due))


def extended() -> Dossier:
    return extend(processing(), "20/10 09:00").dossier


def proposed() -> Dossier:
    return propose(processing(), "20/10 09:00").dossier


@dataclass(frozen=True)
class Case:
    """A refused act: what is attempted, the error, its article, and an act allowed instead (None: none at all)."""

    attempt: Callable[[], Done]
    error: type[RuleBroken]
    article: str
    instead: Act | None


CASES = {
    "a second supplement request": Case(
        lambda: lifecycle.request_supplement(supplemented(), at("14/10 10:00"), CALENDARS, "Thiếu nữa"),
        refusals.SupplementAlreadyRequested,
        "NĐ 61/2018, Điều 11(2)(c)",
        Act.COMPLETE,
    ),
    "a second supplement request while the first is open": Case(
        lambda: lifecycle.request_supplement(awaiting(), at("13/10 10:00"), CALENDARS, "Thiếu nữa"),
        refusals.SupplementAlreadyRequested,
        "NĐ 61/2018, Điều 11(2)(c)",
        Act.RECEIVE_SUPPLEMENT,
    ),
    "a second supplement request after one at intake": Case(
        lambda: lifecycle.request_supplement(
            lifecycle.receive_supplement(
                lifecycle.request_supplement(filed(), at("12/10 10:00"), CALENDARS, "Thiếu").dossier,
                at("13/10 09:00"),
                CALENDARS,
            ).dossier,
            at("13/10 10:00"),
            CALENDARS,
            "Thiếu nữa",
        ),
        refusals.SupplementAlreadyRequested,
        "NĐ 61/2018, Điều 11(2)(c)",
        Act.FORWARD,
    ),
    "a supplement request on the fourth working day": Case(
        lambda: lifecycle.request_supplement(processing(), at("18/10 07:00"), CALENDARS, "Thiếu"),
        refusals.SupplementTooLate,
        "NĐ 61/2018, Điều 19(4)",
        Act.REJECT,
    ),
    "a supplement request without a reason": Case(
        lambda: lifecycle.request_supplement(filed(), at("12/10 10:00"), CALENDARS, " "),
        refusals.SupplementReasonMissing,
        "NĐ 61/2018, Điều 17(1)",
        Act.REQUEST_SUPPLEMENT,
    ),
    "a rejection on the last day to answer": Case(
        lambda: lifecycle.reject(awaiting(date(2021, 10, 20)), at("20/10 17:00"), "Quá hạn"),
        refusals.SupplementStillAwaited,
        f"{STATUS_LIST}, mã 3",
        Act.RECEIVE_SUPPLEMENT,
    ),
    "a rejection while an answer has no last day": Case(
        lambda: lifecycle.reject(awaiting(), at("30/12 09:00"), "Quá hạn"),
        refusals.SupplementStillAwaited,
        f"{STATUS_LIST}, mã 3",
        Act.STOP,
    ),
    "a refusal without a reason": Case(
        lambda: lifecycle.reject(filed(), at("12/10 10:00"), ""),
        refusals.RefusalReasonMissing,
        "NĐ 61/2018, Điều 17(1)",
        Act.REJECT,
    ),
    "a refusal after the time limit": Case(
        lambda: lifecycle.reject(processing(), at("27/10 07:00"), "Không đủ điều kiện"),
        refusals.RefusalTooLate,
        "NĐ 61/2018, Điều 19(8)",
        Act.COMPLETE,
    ),
    "a second re-appointment": Case(
        lambda: extend(extended(), "25/10 09:00", "05/11 09:00"),
        refusals.AlreadyReappointed,
        "NĐ 61/2018, Điều 19(9)",
        Act.COMPLETE,
    ),
    "a second re-appointment by proposal": Case(
        lambda: propose(extended(), "25/10 09:00", "05/11 09:00"),
        refusals.AlreadyReappointed,
        "NĐ 61/2018, Điều 19(9)",
        Act.COMPLETE,
    ),
    "a re-appointment on the due date": Case(
        lambda: extend(processing(), "26/10 07:00"),
        refusals.ReappointmentTooLate,
        "NĐ 61/2018, Điều 19(9)",
        Act.COMPLETE,
    ),
    "an approval on the due date of a proposal made in time": Case(
        lambda: lifecycle.approve_apology(proposed(), at("26/10 07:00"), CALENDARS),
        refusals.ReappointmentTooLate,
        "NĐ 61/2018, Điều 19(9)",
        Act.DECLINE_APOLOGY,
    ),
    "a re-appointment without an apology": Case(
        lambda: extend(processing(), "20/10 09:00", letter=" "),
        refusals.ReappointmentIncomplete,
        "NĐ 61/2018, Điều 19(9)",
        Act.EXTEND,
    ),
    "a re-appointment without a reason": Case(
        lambda: extend(processing(), "20/10 09:00", reason=""),
        refusals.ReappointmentIncomplete,
        "NĐ 61/2018, Điều 19(9)",
        Act.EXTEND,
    ),
    "a re-appointment to the same day": Case(
        lambda: propose(processing(), "20/10 09:00", due="26/10 17:00"),
        refusals.ReappointmentIncomplete,
        "NĐ 61/2018, Điều 19(9)",
        Act.PROPOSE_APOLOGY,
    ),
    "a re-appointment of no date": Case(
        lambda: extend(without_limit(), "20/10 09:00"),
        refusals.NothingToReappoint,
        "NĐ 61/2018, Điều 19(9)",
        Act.COMPLETE,
    ),
    "a second proposal": Case(
        lambda: propose(proposed(), "21/10 09:00"),
        refusals.ApologyAlreadyProposed,
        "NĐ 61/2018, Điều 19(9)",
        Act.APPROVE_APOLOGY,
    ),
    "an approval of nothing": Case(
        lambda: lifecycle.approve_apology(processing(), at("20/10 09:00"), CALENDARS),
        refusals.NoApologyProposed,
        "NĐ 61/2018, Điều 19(9)",
        Act.PROPOSE_APOLOGY,
    ),
    "a refusal of no proposal": Case(
        lambda: lifecycle.decline_apology(processing(), at("20/10 09:00"), "Không"),
        refusals.NoApologyProposed,
        "NĐ 61/2018, Điều 19(9)",
        Act.PROPOSE_APOLOGY,
    ),
    "forwarding past the last step": Case(
        lambda: lifecycle.forward(
            processing(steps=(StepPlan("Thẩm định", WARD, Limit.working_days(2)),)), at("13/10 09:00"), CALENDARS
        ),
        refusals.NoNextStep,
        "NĐ 61/2018, Điều 19(6)(7)",
        Act.COMPLETE,
    ),
    "forwarding twice a procedure without steps": Case(
        lambda: lifecycle.forward(processing(), at("13/10 09:00"), CALENDARS),
        refusals.NoNextStep,
        "NĐ 61/2018, Điều 19(6)(7)",
        Act.COMPLETE,
    ),
    "a result on the spot of a procedure that takes its time": Case(
        lambda: lifecycle.resolve_on_the_spot(filed(), at("12/10 09:05"), CALENDARS),
        refusals.NotOnTheSpot,
        "NĐ 61/2018, Điều 17(4)",
        Act.ACCEPT,
    ),
    "a fee of nothing": Case(
        lambda: lifecycle.require_payment(processing(), at("13/10 09:00"), 0),
        refusals.WrongAmount,
        "NĐ 61/2018, Điều 22",
        Act.REQUIRE_PAYMENT,
    ),
    "more money than is owed": Case(
        lambda: lifecycle.record_payment(owing(), at("13/10 10:00"), CALENDARS, 101),
        refusals.WrongAmount,
        "NĐ 61/2018, Điều 22",
        Act.RECORD_PAYMENT,
    ),
    "money where nothing is owed": Case(
        lambda: lifecycle.record_payment(completed(), at("13/10 10:00"), CALENDARS, 1),
        refusals.NoFeeOutstanding,
        "NĐ 61/2018, Điều 22",
        Act.RETURN_RESULT,
    ),
    "a result handed over while a fee is owed": Case(
        lambda: lifecycle.return_result(completed_owing(), at("13/10 10:30")),
        refusals.FeeOutstanding,
        "NĐ 61/2018, Điều 22",
        Act.RECORD_PAYMENT,
    ),
    "a withdrawal of what is done": Case(
        lambda: lifecycle.withdraw(completed(), at("13/10 10:00")),
        refusals.WithdrawalTooLate,
        f"{STATUS_LIST}, mã 7",
        Act.RETURN_RESULT,
    ),
    "a stop without a reason": Case(
        lambda: lifecycle.stop(processing(), at("13/10 09:00"), ""),
        refusals.StopReasonMissing,
        f"{STATUS_LIST}, mã 8",
        Act.STOP,
    ),
    "an act dated before the last one": Case(
        lambda: lifecycle.complete(processing(), at("12/10 09:58"), CALENDARS),
        refusals.ActOutOfOrder,
        "NĐ 61/2018, Điều 17(3)",
        Act.COMPLETE,
    ),
    "an acceptance of what is accepted": Case(
        lambda: lifecycle.accept(accepted(), at("12/10 10:00"), CALENDARS),
        refusals.ActNotAllowed,
        STATUS_LIST,
        Act.FORWARD,
    ),
    "a return of what is not done": Case(
        lambda: lifecycle.return_result(processing(), at("13/10 09:00")),
        refusals.ActNotAllowed,
        STATUS_LIST,
        Act.COMPLETE,
    ),
    "any act on a closed dossier": Case(
        lambda: lifecycle.request_supplement(
            lifecycle.return_result(completed(), at("13/10 10:00")).dossier, at("13/10 11:00"), CALENDARS, "Thiếu"
        ),
        refusals.DossierClosed,
        STATUS_LIST,
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refused_act_names_its_rule_its_article_and_what_is_allowed(name: str) -> None:
    case = CASES[name]
    with pytest.raises(RuleBroken) as caught:
        case.attempt()
    error = caught.value
    assert (type(error), error.article) == (case.error, case.article)
    assert error.rule.endswith(".")
    assert str(error) == f"{error.rule} ({error.article})"
    assert case.instead in error.allowed if case.instead else error.allowed == ()


def test_every_named_error_is_tested() -> None:
    def errors(error: type[RuleBroken]) -> set[type[RuleBroken]]:
        return {error}.union(*(errors(below) for below in error.__subclasses__()))

    assert errors(RuleBroken) - {RuleBroken} == {case.error for case in CASES.values()}


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: lifecycle.request_supplement(processing(), at("15/10 17:00"), CALENDARS, "Thiếu"),
        lambda: lifecycle.reject(processing(), at("26/10 17:00"), "Không đủ điều kiện"),
        lambda: extend(processing(), "25/10 23:00"),
        lambda: lifecycle.reject(awaiting(date(2021, 10, 20)), at("21/10 00:00"), "Quá hạn"),
    ],
    ids=["third working day", "due date", "day before the due date", "day after the last day to answer"],
)
def test_the_last_moment_of_a_rule_is_allowed(attempt: Callable[[], Done]) -> None:
    assert attempt().facts


def test_a_restart_does_not_give_the_one_re_appointment_back() -> None:
    dossier = extend(processing(), "13/10 09:00").dossier
    waiting = lifecycle.request_supplement(dossier, at("14/10 09:00"), CALENDARS, "Thiếu").dossier
    full = lifecycle.receive_supplement(waiting, at("15/10 09:00"), CALENDARS).dossier
    assert (full.due_at, full.reappointment) == (at("29/10 09:00"), None)
    with pytest.raises(refusals.AlreadyReappointed):
        extend(full, "20/10 09:00", "12/11 09:00")


def test_a_dossier_of_the_later_decree_is_refused_by_the_later_decree() -> None:
    today = datetime(2026, 11, 25, 9, tzinfo=VIETNAM)
    new = lifecycle.receive("H52-1", Terms("1", Limit.working_days(3)), WARD, Channel.DIRECT, today, CALENDARS)
    with pytest.raises(refusals.StopReasonMissing) as caught:
        lifecycle.stop(lifecycle.accept(new.dossier, today, CALENDARS).dossier, today, "")
    assert caught.value.article == "TT 03/2025/TT-VPCP, Mẫu số 05"
    assert new.dossier.rules.provisions[Rule.STOP_REASON].text == caught.value.rule


def test_no_act_leads_anywhere_but_along_the_national_transitions() -> None:
    allowed = {
        (1, 2), (1, 3), (1, 5), (1, 7),
        (2, 4), (2, 5), (2, 6), (2, 7), (2, 8), (2, 9),
        (4, 5), (4, 6), (4, 7), (4, 8), (4, 9),
        (5, 2), (5, 4), (5, 7), (5, 8), (5, 3),
        (6, 4), (6, 7), (6, 8), (6, 9),
        (9, 10),
    }  # fmt: skip
    found = {
        (int(before), int(after))
        for act, moves in TRANSITIONS.items()
        if act is not Act.RESOLVE_ON_THE_SPOT  # 1, 2, 9 and 10 in one act
        for before, targets in moves.items()
        for after in targets
        if before != after
    }
    assert found == allowed
    assert all(Status(before).closed is False for before, _ in found)


SAMPLES = [filed, accepted, processing, awaiting, supplemented, owing, completed, completed_owing, extended, proposed]
PERFORM: dict[Act, Callable[[Dossier, datetime], Done]] = {
    Act.ACCEPT: lambda dossier, now: lifecycle.accept(dossier, now, CALENDARS),
    Act.REJECT: lambda dossier, now: lifecycle.reject(dossier, now, "Lý do"),
    Act.REQUEST_SUPPLEMENT: lambda dossier, now: lifecycle.request_supplement(dossier, now, CALENDARS, "Thiếu"),
    Act.RECEIVE_SUPPLEMENT: lambda dossier, now: lifecycle.receive_supplement(dossier, now, CALENDARS),
    Act.REQUIRE_PAYMENT: lambda dossier, now: lifecycle.require_payment(dossier, now, 5),
    Act.RECORD_PAYMENT: lambda dossier, now: lifecycle.record_payment(dossier, now, CALENDARS, 1),
    Act.FORWARD: lambda dossier, now: lifecycle.forward(dossier, now, CALENDARS),
    Act.PROPOSE_APOLOGY: lambda dossier, now: lifecycle.propose_apology(dossier, now, "Bận", "Thư", at("15/12 09:00")),
    Act.APPROVE_APOLOGY: lambda dossier, now: lifecycle.approve_apology(dossier, now, CALENDARS),
    Act.DECLINE_APOLOGY: lambda dossier, now: lifecycle.decline_apology(dossier, now, "Không"),
    Act.EXTEND: lambda dossier, now: lifecycle.extend(dossier, now, CALENDARS, "Bận", "Thư", at("15/12 09:00")),
    Act.STOP: lambda dossier, now: lifecycle.stop(dossier, now, "Lý do"),
    Act.WITHDRAW: lifecycle.withdraw,
    Act.COMPLETE: lambda dossier, now: lifecycle.complete(dossier, now, CALENDARS),
    Act.RETURN_RESULT: lifecycle.return_result,
    Act.RESOLVE_ON_THE_SPOT: lambda dossier, now: lifecycle.resolve_on_the_spot(dossier, now, CALENDARS),
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("when", ["20/10 10:00", "25/10 10:00", "26/10 10:00", "08/11 10:00"])
def test_an_act_succeeds_exactly_when_it_is_offered(act: Act, sample: Callable[[], Dossier], when: str) -> None:
    dossier, now = sample(), at(when)
    offered = act in allowed_acts(dossier, now)
    try:
        after = PERFORM[act](dossier, now).dossier
    except RuleBroken as error:
        assert not offered, error
        assert error.allowed == allowed_acts(dossier, now)
    else:
        assert offered
        assert after.status in TRANSITIONS[act][dossier.status]
        assert after.last_act_at == now

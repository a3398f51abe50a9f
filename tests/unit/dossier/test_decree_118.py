"""NĐ 118/2025: what it says, what it says otherwise than NĐ 61/2018, and where each rule stands in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from dossier.calendars import unit_calendar
from dossier.domain import lifecycle, refusals
from dossier.domain.dossiers import Channel, Dossier, Terms
from dossier.domain.facts import SupplementRequested
from dossier.domain.instants import VIETNAM
from dossier.domain.law import LAW
from dossier.domain.limits import Limit, SupplementClock
from dossier.domain.promises import Kind, promises
from dossier.domain.refusals import Act, RuleBroken
from dossier.domain.rules import Rule
from dossier.domain.status import Status

WARD = "H52.17"
CALENDARS = {WARD: unit_calendar()}
OLD, NEW = LAW.by_id("nd-61-2018"), LAW.by_id("nd-118-2025")


def at(text: str, year: int = 2026) -> datetime:
    """`25/11 09:00` of 2026, a Wednesday, in Vietnam."""
    return datetime.strptime(f"{year} {text}", "%Y %d/%m %H:%M").replace(tzinfo=VIETNAM)


def filed(year: int = 2026) -> Dossier:
    terms = Terms("1.005129", Limit.working_days(10))
    return lifecycle.receive("H52-1", terms, WARD, Channel.ONLINE, at("25/11 09:00", year), CALENDARS).dossier


def processing(year: int = 2026) -> Dossier:
    taken = lifecycle.accept(filed(year), at("25/11 09:00", year), CALENDARS).dossier
    return lifecycle.forward(taken, at("25/11 10:00", year), CALENDARS).dossier


def asked(when: str = "27/11 10:00", respond_by: date | None = None, year: int = 2026) -> Dossier:
    return lifecycle.request_supplement(processing(year), at(when, year), CALENDARS, "Thiếu bản vẽ", respond_by).dossier


def extended() -> Dossier:
    done = lifecycle.extend(processing(), at("30/11 09:00"), CALENDARS, "Bận", "Thư xin lỗi", at("16/12 09:00"))
    return done.dossier


def test_its_numbers_are_those_of_2018_and_a_last_day_to_answer() -> None:
    for rules in (OLD, NEW):
        assert rules.supplement_clock is SupplementClock.RESTART
        assert (rules.supplement_requests, rules.supplement_within_days) == (1, 3)
        assert (rules.reappointments, rules.reappointment_lead_days) == (1, 1)
        assert (rules.forward_cutoff_hour, rules.online_answer_hours) == (15, 8)
    assert (OLD.supplement_answer_days, NEW.supplement_answer_days) == (None, 15)


def test_every_rule_names_its_own_article_and_only_the_form_nobody_has_read_is_unchecked() -> None:
    assert NEW.unchecked == (Rule.STOP_REASON,)
    elsewhere = {rule for rule in Rule if not NEW.article(rule).startswith("NĐ 118/2025, Điều ")}
    assert elsewhere == {Rule.STATUS, Rule.STOP_REASON}
    assert all("61/2018" not in NEW.article(rule) for rule in Rule)
    assert NEW.article(Rule.INTAKE_ANSWER) == "NĐ 118/2025, Điều 17(2)(c)"


@pytest.mark.parametrize(
    ("when", "respond_by"),
    [
        ("26/11 16:30", date(2026, 12, 11)),
        ("26/11 23:59", date(2026, 12, 11)),
        ("27/11 10:00", date(2026, 12, 14)),  # the fifteenth day is a Saturday
    ],
)
def test_after_appraisal_the_citizen_has_fifteen_days_to_answer(when: str, respond_by: date) -> None:
    waiting, facts = lifecycle.request_supplement(processing(), at(when), CALENDARS, "Thiếu bản vẽ")
    assert waiting.respond_by == respond_by
    assert facts == (SupplementRequested(at(when), "Thiếu bản vẽ", respond_by, at("09/12 09:00")),)


def test_the_dossier_is_closed_only_when_the_fifteen_days_have_passed() -> None:
    waiting = asked()
    (overdue,) = promises(waiting, CALENDARS)
    assert (overdue.kind, overdue.fires_at) == (Kind.SUPPLEMENT_OVERDUE, at("15/12 00:00"))
    with pytest.raises(refusals.SupplementStillAwaited) as early:
        lifecycle.reject(waiting, at("14/12 23:59"), "Không hoàn thiện hồ sơ")
    assert early.value.article == "NĐ 118/2025, Điều 19(5)"
    assert "15 ngày" in early.value.rule
    assert lifecycle.reject(waiting, at("15/12 00:00"), "Không hoàn thiện hồ sơ").dossier.status is Status.REJECTED


def test_a_day_that_is_named_goes_first() -> None:
    assert asked(respond_by=date(2026, 12, 4)).respond_by == date(2026, 12, 4)


def test_at_intake_there_is_no_last_day() -> None:
    waiting = lifecycle.request_supplement(filed(), at("25/11 10:00"), CALENDARS, "Thiếu tờ khai").dossier
    assert waiting.respond_by is None
    assert Act.REJECT not in lifecycle.allowed_acts(waiting, at("25/12 10:00"))


def test_a_dossier_of_2018_has_no_last_day_of_its_own() -> None:
    waiting = asked(when="26/11 10:00", year=2024)
    assert (waiting.rule_set_id, waiting.respond_by) == ("nd-61-2018", None)


BROKEN: dict[str, tuple[Callable[[], object], type[RuleBroken], str]] = {
    "a second supplement request": (
        lambda: lifecycle.request_supplement(asked(), at("27/11 11:00"), CALENDARS, "Thiếu nữa"),
        refusals.SupplementAlreadyRequested,
        "Điều 11(2)(c)",
    ),
    "a supplement request on the fourth working day": (
        lambda: asked("01/12 07:30"),
        refusals.SupplementTooLate,
        "Điều 19(5)",
    ),
    "a supplement slip without a reason": (
        lambda: lifecycle.request_supplement(filed(), at("25/11 10:00"), CALENDARS, " "),
        refusals.SupplementReasonMissing,
        "Điều 17(1)(c)",
    ),
    "a refusal after the due date": (
        lambda: lifecycle.reject(processing(), at("10/12 08:00"), "Không đủ điều kiện"),
        refusals.RefusalTooLate,
        "Điều 19(3)",
    ),
    "a second re-appointment": (
        lambda: lifecycle.extend(extended(), at("01/12 09:00"), CALENDARS, "Bận", "Thư", at("30/12 09:00")),
        refusals.AlreadyReappointed,
        "Điều 19(6)",
    ),
    "a re-appointment on the due date": (
        lambda: lifecycle.extend(processing(), at("09/12 08:00"), CALENDARS, "Bận", "Thư", at("16/12 09:00")),
        refusals.ReappointmentTooLate,
        "Điều 19(6)",
    ),
    "a withdrawal of what is decided": (
        lambda: lifecycle.withdraw(
            lifecycle.complete(processing(), at("26/11 09:00"), CALENDARS).dossier, at("26/11 10:00")
        ),
        refusals.WithdrawalTooLate,
        "Điều 21(1)(2)",
    ),
    "forwarding twice": (
        lambda: lifecycle.forward(processing(), at("26/11 09:00"), CALENDARS),
        refusals.NoNextStep,
        "Điều 20(2)",
    ),
    "a fee of nothing": (
        lambda: lifecycle.require_payment(processing(), at("26/11 09:00"), 0),
        refusals.WrongAmount,
        "Điều 24(1)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_refused_act_names_the_article_of_2025(name: str) -> None:
    attempt, error, article = BROKEN[name]
    with pytest.raises(error) as caught:
        attempt()
    assert caught.value.article == f"NĐ 118/2025, {article}"


def test_the_limit_starts_anew_when_the_full_dossier_is_in() -> None:
    full = lifecycle.receive_supplement(asked(), at("03/12 14:00"), CALENDARS).dossier
    assert (full.due_at, full.respond_by) == (at("17/12 14:00"), None)

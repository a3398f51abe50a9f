"""What an open dossier owes, and the moment at which that is said."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from dossier.calendars import OverrideRow, unit_calendar
from dossier.domain import interruptions, lifecycle, reappointment
from dossier.domain.dossiers import Channel, Dossier, StepPlan, Terms
from dossier.domain.facts import DossierOverdue, StepOverdue
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.domain.outcome import Outcome, outcome
from dossier.domain.promises import Kind, Promise, due_soon_at, fact_of, overdue_at, promises

UNIT, OTHER = "H52.17", "H52.18"
CALENDARS = {unit: unit_calendar() for unit in (UNIT, OTHER)}
THREE_STEPS = tuple(StepPlan(f"Bước {number}", OTHER, Limit.working_days(3)) for number in (1, 2, 3))


def at(day: int, hour: int = 9, month: int = 10, minute: int = 0) -> datetime.datetime:
    return datetime.datetime(2021, month, day, hour, minute, tzinfo=VIETNAM)


def filed(channel: Channel = Channel.DIRECT, steps: tuple[StepPlan, ...] = (), days: int = 10) -> Dossier:
    terms = Terms("2.000488", Limit.working_days(days), steps=steps)
    return lifecycle.receive("H52.17-211012-0001", terms, UNIT, channel, at(12), CALENDARS).dossier


def accepted(steps: tuple[StepPlan, ...] = (), days: int = 10) -> Dossier:
    return lifecycle.accept(filed(steps=steps, days=days), at(12), CALENDARS).dossier


def owed(dossier: Dossier, warn_days: int = 1) -> dict[Kind, Promise]:
    found = promises(dossier, CALENDARS, warn_days)
    by_kind = {promise.kind: promise for promise in found}
    assert len(by_kind) == len(found), "one promise of a kind"
    return by_kind


def test_an_accepted_dossier_is_due_soon_one_working_day_before_and_overdue_at_midnight() -> None:
    found = owed(accepted())  # due on Tuesday 26/10 at 9:00
    assert found[Kind.DUE_SOON].fires_at == at(25)
    assert found[Kind.OVERDUE].fires_at == at(27, 0)
    assert set(found) == {Kind.DUE_SOON, Kind.OVERDUE}


def test_due_soon_counts_working_days_backwards_over_weekends_and_holidays() -> None:
    calendar = CALENDARS[UNIT]
    assert due_soon_at(calendar, at(25), 1) == at(22), "Monday, to Friday"
    assert due_soon_at(calendar, datetime.datetime(2021, 2, 18, 14, 0, tzinfo=VIETNAM), 2) == datetime.datetime(
        2021, 2, 9, 14, 0, tzinfo=VIETNAM
    ), "over Tết"
    assert due_soon_at(calendar, at(26), 0) == at(26)


def test_due_soon_keeps_the_hour_inside_a_shorter_day() -> None:
    calendar = unit_calendar(overrides=[OverrideRow(datetime.date(2021, 10, 25), True, "Nghỉ chiều", "07:00-11:30")])
    assert due_soon_at(calendar, at(26, 15), 1) == at(25, 11, minute=30)


@pytest.mark.parametrize("hour", [0, 9, 17, 23])
def test_overdue_begins_exactly_where_the_outcome_becomes_late(hour: int) -> None:
    due = at(26, hour)
    breach = overdue_at(due)
    assert outcome(breach, due) is Outcome.LATE
    assert outcome(breach - datetime.timedelta(seconds=1), due) is Outcome.ON_TIME


def test_an_online_filing_owes_an_answer_to_the_hour_and_a_direct_one_none() -> None:
    (promise,) = promises(filed(Channel.ONLINE), CALENDARS)
    assert promise.kind is Kind.ANSWER_OVERDUE and promise.fires_at == promise.promised_at == at(13)
    assert promises(filed(), CALENDARS) == ()


def test_a_clock_that_stands_still_owes_only_the_supplement() -> None:
    waiting = interruptions.request_supplement(
        accepted(), at(13), CALENDARS, "Thiếu", datetime.date(2021, 10, 20)
    ).dossier
    (promise,) = promises(waiting, CALENDARS)
    assert (promise.kind, promise.fires_at) == (Kind.SUPPLEMENT_OVERDUE, at(21, 0))
    paying = interruptions.require_payment(accepted(), at(13), 1000).dossier
    assert promises(paying, CALENDARS) == ()


def test_what_has_ended_owes_nothing() -> None:
    assert promises(lifecycle.complete(accepted(), at(20), CALENDARS).dossier, CALENDARS) == ()
    assert promises(lifecycle.stop(accepted(), at(20), "lý do").dossier, CALENDARS) == ()
    assert promises(lifecycle.withdraw(accepted(), at(20)).dossier, CALENDARS) == ()


def test_the_step_under_way_is_owed_by_the_unit_that_does_it() -> None:
    handed = lifecycle.forward(accepted(THREE_STEPS, days=20), at(12), CALENDARS).dossier
    found = owed(handed)
    assert (found[Kind.STEP_DUE_SOON].fires_at, found[Kind.STEP_OVERDUE].fires_at) == (at(14), at(16, 0))
    assert found[Kind.STEP_OVERDUE].step == 1
    second = lifecycle.forward(handed, at(13), CALENDARS).dossier
    assert owed(second)[Kind.STEP_OVERDUE].step == 2


def test_a_breach_is_foreseen_where_the_remaining_steps_stop_fitting() -> None:
    """Ten working days, three steps of three: begun on the 13th at 9:00 they end on the due date, later after it."""
    found = owed(accepted(THREE_STEPS))  # due on the 26th
    moment = found[Kind.BREACH_FORESEEN].fires_at
    assert at(13, 17) <= moment <= at(14, 7), "a start in the closed hours counts as the next morning's"


def test_a_breach_is_foreseen_at_once_where_nothing_fits_from_the_start() -> None:
    short = accepted(THREE_STEPS, days=5)
    assert owed(short)[Kind.BREACH_FORESEEN].fires_at == short.last_act_at


def test_no_breach_is_foreseen_where_only_the_breach_itself_would_tell() -> None:
    one = accepted(THREE_STEPS[:1], days=20)
    handed = lifecycle.forward(one, at(12), CALENDARS).dossier
    assert Kind.BREACH_FORESEEN not in owed(handed)
    assert Kind.BREACH_FORESEEN in owed(one)


def test_a_unit_without_a_calendar_that_comes_later_refuses_no_act() -> None:
    assert {promise.kind for promise in promises(accepted(THREE_STEPS), {UNIT: CALENDARS[UNIT]})} == {
        Kind.DUE_SOON,
        Kind.OVERDUE,
    }


def test_a_new_date_is_another_promise() -> None:
    moved = reappointment.extend(accepted(), at(20), CALENDARS, "lý do", "thư", at(9, month=11)).dossier
    assert owed(moved)[Kind.OVERDUE].promised_at == at(9, month=11)


def test_what_is_said_is_dated_at_its_moment() -> None:
    handed = lifecycle.forward(accepted(THREE_STEPS, days=20), at(12), CALENDARS).dossier
    found = owed(handed)
    step = fact_of(handed, found[Kind.STEP_OVERDUE])
    assert step == StepOverdue(at(16, 0), OTHER, "Bước 1", at(15))
    overdue = fact_of(handed, found[Kind.OVERDUE])
    assert isinstance(overdue, DossierOverdue) and overdue.at == found[Kind.OVERDUE].fires_at


def test_a_supplement_without_a_day_is_not_watched() -> None:
    waiting = interruptions.request_supplement(accepted(), at(13), CALENDARS, "Thiếu").dossier
    assert promises(waiting, CALENDARS) == ()
    with pytest.raises(ValueError, match="owes no"):
        fact_of(replace(waiting), Promise(Kind.SUPPLEMENT_OVERDUE, 0, at(20), at(20)))

"""The legal clock on fixed vectors, each from the domain's rules or from a real defect of another system."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from dossier.calendars import OverrideRow, unit_calendar
from dossier.domain.calendar import Calendar
from dossier.domain.clock import ClockState, deadline
from dossier.domain.explanation import Scale, Why
from dossier.domain.hours import Hours
from dossier.domain.instants import VIETNAM
from dossier.domain.law import LAW
from dossier.domain.limits import BadLimit, Interval, IntervalKind, Limit, Reappointment, SupplementClock
from dossier.domain.remaining import later, remaining

RULES = LAW.by_id("nd-61-2018")
OFFICE = unit_calendar()
DAYS, HALVES, HOURS, ANY_DAYS = Limit.working_days, Limit.half_days, Limit.working_hours, Limit.calendar_days
PAUSE, RESTART = SupplementClock.PAUSE, SupplementClock.RESTART


def at(text: str) -> datetime:
    """`29/10/2021 15:30` in Vietnam."""
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=VIETNAM)


def due(limit: Limit, received: str, *intervals: Interval, calendar: Calendar = OFFICE) -> str | None:
    found = deadline(calendar, RULES, limit, at(received), intervals, PAUSE).due_at
    return None if found is None else f"{found:%d/%m/%Y %H:%M}"


def pause(start: str, end: str | None = None, kind: IntervalKind = IntervalKind.SUPPLEMENT) -> Interval:
    return Interval(kind, at(start), None if end is None else at(end))


@pytest.mark.parametrize(
    ("limit", "received", "expected"),
    [
        (DAYS(5), "29/10/2021 15:30", "05/11/2021 15:30"),
        (HOURS(40), "29/10/2021 15:30", "05/11/2021 15:30"),
        (DAYS(3), "08/02/2021 14:00", "18/02/2021 14:00"),  # over Tết
        (DAYS(3), "26/04/2024 10:00", "04/05/2024 10:00"),  # to a make-up Saturday
        (DAYS(10), "12/10/2021 09:00", "26/10/2021 09:00"),
        (DAYS(1), "12/10/2021 09:00", "13/10/2021 09:00"),  # a day is never 24 working hours
        (HOURS(24), "12/10/2021 09:00", "15/10/2021 09:00"),
        (DAYS(3), "17/10/2021 10:00", "21/10/2021 07:00"),  # from a Sunday: Monday is the start day
        (DAYS(2), "31/12/2021 16:00", "05/01/2022 16:00"),  # over the year and New Year's compensation
    ],
)
def test_vectors(limit: Limit, received: str, expected: str) -> None:
    assert due(limit, received) == expected


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("12/10/2021 05:59", "13/10/2021 07:00"),  # before opening: the opening
        ("12/10/2021 11:30", "13/10/2021 13:30"),  # lunch: the afternoon's start
        ("12/10/2021 12:45", "13/10/2021 13:30"),
        ("12/10/2021 16:59", "13/10/2021 16:59"),
        ("12/10/2021 17:00", "14/10/2021 07:00"),  # at the close: the next working morning
        ("15/10/2021 21:00", "19/10/2021 07:00"),  # Friday night: Monday
        ("02/09/2021 09:00", "07/09/2021 07:00"),  # a holiday, then a holiday Friday and a weekend
        ("04/05/2024 15:00", "06/05/2024 15:00"),  # on a make-up Saturday itself
    ],
)
def test_receipt_outside_working_hours_moves_to_the_next_opening(received: str, expected: str) -> None:
    assert due(DAYS(1), received) == expected


@pytest.mark.parametrize(
    ("halves", "received", "expected"),
    [
        (1, "12/10/2021 07:00", "12/10/2021 11:00"),
        (1, "12/10/2021 08:00", "12/10/2021 14:00"),  # four working hours over lunch
        (1, "12/10/2021 15:00", "13/10/2021 09:00"),
        (2, "12/10/2021 15:00", "13/10/2021 15:00"),
        (5, "12/10/2021 08:00", "14/10/2021 14:00"),
        (1, "15/10/2021 16:00", "18/10/2021 10:00"),
    ],
)
def test_half_days_are_half_of_the_units_day(halves: int, received: str, expected: str) -> None:
    assert due(HALVES(halves), received) == expected


def test_working_hours_that_fill_a_day_end_at_the_close() -> None:
    assert due(HOURS(8), "12/10/2021 07:00") == "12/10/2021 17:00"
    assert due(HOURS(8), "12/10/2021 10:00") == "13/10/2021 10:00"


@pytest.mark.parametrize(
    ("days", "received", "expected"),
    [
        (2, "12/10/2021 09:00", "14/10/2021 09:00"),
        (10, "12/10/2021 09:00", "22/10/2021 09:00"),  # weekends inside count
        (4, "12/10/2021 09:00", "18/10/2021 07:00"),  # Saturday: on to Monday
        (15, "28/01/2021 09:00", "17/02/2021 07:00"),  # inside Tết: on to its end
        (3, "01/05/2024 09:00", "06/05/2024 07:00"),  # received on a holiday: Thursday is the start, Sunday the end
        (2, "02/05/2024 09:00", "04/05/2024 09:00"),  # a make-up Saturday is no day off
    ],
)
def test_calendar_days_count_all_and_move_forward_off_a_day_off(days: int, received: str, expected: str) -> None:
    assert due(ANY_DAYS(days), received) == expected


def test_no_limit_has_no_due_time() -> None:
    found = deadline(OFFICE, RULES, Limit.none(), at("12/10/2021 09:00"))
    assert (found.state, found.due_at, found.explanation.entries) == (ClockState.NO_LIMIT, None, ())


def test_a_pause_from_friday_evening_to_monday_morning_costs_and_credits_nothing() -> None:
    weekend = pause("15/10/2021 17:00", "18/10/2021 07:00")
    assert due(DAYS(3), "14/10/2021 10:00", weekend) == due(DAYS(3), "14/10/2021 10:00") == "19/10/2021 10:00"


def test_a_pause_over_tet_and_a_make_up_saturday_takes_working_time_only() -> None:
    tet = pause("09/02/2021 14:00", "17/02/2021 14:00")
    assert due(DAYS(3), "08/02/2021 14:00", tet) == "19/02/2021 14:00", (
        "one working day was lost, seven were off anyway"
    )
    holiday = pause("26/04/2024 14:00", "04/05/2024 14:00")
    assert due(DAYS(1), "26/04/2024 10:00", holiday) == "06/05/2024 10:00", "the Saturday worked was lost too"


def test_a_pause_of_hours_moves_the_due_time_by_those_hours() -> None:
    hours = pause("13/10/2021 10:00", "13/10/2021 14:00")
    assert due(DAYS(2), "12/10/2021 16:00", hours) == "15/10/2021 08:00"
    assert due(HOURS(16), "12/10/2021 16:00", hours) == "15/10/2021 08:00"
    assert due(ANY_DAYS(2), "12/10/2021 16:00", hours) == "15/10/2021 08:00"


def test_a_pause_of_whole_days_keeps_the_hour() -> None:
    assert due(DAYS(2), "12/10/2021 07:00", pause("13/10/2021 07:00", "14/10/2021 07:00")) == "15/10/2021 07:00"


def test_a_pause_that_begins_when_it_is_due_or_before_receipt_does_nothing() -> None:
    assert due(DAYS(1), "12/10/2021 09:00", pause("13/10/2021 09:00", "15/10/2021 09:00")) == "13/10/2021 09:00"
    assert due(DAYS(1), "12/10/2021 09:00", pause("08/10/2021 09:00", "11/10/2021 09:00")) == "13/10/2021 09:00"


def test_a_pause_that_begins_in_the_night_before_the_due_morning_moves_it() -> None:
    night = pause("12/10/2021 18:00", "13/10/2021 09:00")
    assert due(DAYS(1), "12/10/2021 07:00") == "13/10/2021 07:00"
    assert due(DAYS(1), "12/10/2021 07:00", night) == "13/10/2021 09:00"


def test_pauses_that_touch_are_one() -> None:
    first, second = pause("12/10/2021 18:00", "13/10/2021 09:00"), pause("13/10/2021 09:00", "13/10/2021 10:00")
    assert due(DAYS(1), "12/10/2021 07:00", first, second) == "13/10/2021 10:00"


def test_four_supplement_rounds_do_not_turn_a_dossier_overdue() -> None:
    rounds = [pause(f"{day}/10/2021 08:00", f"{day + 1}/10/2021 08:00") for day in (12, 18, 20, 25)]
    assert due(DAYS(3), "11/10/2021 08:00", *rounds[:1]) == "15/10/2021 08:00"
    assert due(DAYS(7), "11/10/2021 08:00", *rounds) == "25/10/2021 08:00", "the last round begins when it is due"
    assert due(DAYS(8), "11/10/2021 08:00", *rounds) == "27/10/2021 08:00"
    restarted = deadline(OFFICE, RULES, DAYS(3), at("11/10/2021 08:00"), rounds, RESTART)
    assert restarted.due_at == at("29/10/2021 08:00")


def test_an_open_pause_has_no_due_time_and_says_since_when() -> None:
    found = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [pause("13/10/2021 09:00")], PAUSE)
    assert (found.state, found.due_at, found.standing_due_at) == (ClockState.PAUSED, None, at("15/10/2021 09:00"))
    last = found.explanation.entries[-1]
    assert (last.why, last.starts_at, last.ends_at) == (Why.PAUSED_SUPPLEMENT, at("13/10/2021 09:00"), None)
    assert (found.explanation.counted, found.explanation.total) == (8 * 3600, 24 * 3600)


def test_an_open_pause_after_the_due_time_does_not_save_a_late_dossier() -> None:
    found = deadline(OFFICE, RULES, DAYS(1), at("12/10/2021 09:00"), [pause("15/10/2021 09:00")], PAUSE)
    assert (found.state, found.due_at) == (ClockState.RUNNING, at("13/10/2021 09:00"))


def test_an_open_pause_that_touches_a_closed_one_is_the_same_pause() -> None:
    touching = [pause("12/10/2021 18:00", "13/10/2021 09:00"), pause("13/10/2021 09:00")]
    assert deadline(OFFICE, RULES, DAYS(1), at("12/10/2021 07:00"), touching, PAUSE).state is ClockState.PAUSED


def test_an_awaited_supplement_under_restart_has_no_due_time() -> None:
    found = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [pause("13/10/2021 09:00")], RESTART)
    assert (found.state, found.due_at, found.started_at) == (ClockState.AWAITING_SUPPLEMENT, None, None)
    assert "Điều 19(4)" in found.explanation.entries[0].text


def test_the_rule_set_gives_the_supplement_model_and_the_procedure_may_choose_the_other() -> None:
    asked = [pause("13/10/2021 09:00", "14/10/2021 09:00")]
    by_law = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), asked)
    assert by_law.due_at == at("19/10/2021 09:00")
    assert by_law.explanation.entries[0].why is Why.RESTARTED
    assert deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), asked, PAUSE).due_at == at("18/10/2021 09:00")


def test_a_payment_pauses_under_restart_too() -> None:
    paying = pause("13/10/2021 09:00", "14/10/2021 09:00", IntervalKind.PAYMENT)
    assert deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [paying]).due_at == at("18/10/2021 09:00")


def test_a_calendar_amended_after_receipt_gives_another_date() -> None:
    amended = unit_calendar(overrides=[OverrideRow(date(2021, 10, 14), False, "Nghỉ phòng, chống lụt bão")])
    assert due(DAYS(3), "12/10/2021 09:00") == "15/10/2021 09:00"
    assert due(DAYS(3), "12/10/2021 09:00", calendar=amended) == "18/10/2021 09:00"


def test_two_units_with_different_hours_count_side_by_side() -> None:
    other = unit_calendar(Hours.office("08:00-12:00, 13:00-17:00"))
    for _ in range(2):
        assert due(HOURS(4), "12/10/2021 09:00") == "12/10/2021 15:00"
        assert due(HOURS(4), "12/10/2021 09:00", calendar=other) == "12/10/2021 14:00"


def test_the_last_day_keeps_the_hour_inside_its_own_hours() -> None:
    six_days = unit_calendar(Hours.office(exceptions={5: "08:00-11:00"}))
    assert due(DAYS(1), "15/10/2021 15:30", calendar=six_days) == "16/10/2021 11:00"
    assert due(DAYS(1), "15/10/2021 07:30", calendar=six_days) == "16/10/2021 08:00"
    assert due(DAYS(2), "15/10/2021 15:30", calendar=six_days) == "18/10/2021 15:30", "the hour is not lost on the way"


def test_a_unit_open_from_midnight_counts_its_last_day() -> None:
    guard = unit_calendar(Hours.office("00:00-24:00", {5: "00:00-24:00", 6: "00:00-24:00"}))
    found = deadline(guard, RULES, DAYS(2), at("12/10/2021 00:00"))
    assert found.due_at == at("14/10/2021 00:00")
    assert found.explanation.counted == found.explanation.total == 2


def test_a_re_appointed_date_replaces_the_counted_one() -> None:
    agreed = Reappointment(at("14/10/2021 08:00"), at("23/10/2021 09:00"))
    found = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), (), PAUSE, agreed)
    assert found.due_at == at("25/10/2021 07:00"), "a Saturday moves to Monday's opening"
    assert found.explanation.entries[-1].why is Why.REAPPOINTED
    assert found.explanation.counted == found.explanation.total == 3
    paying = pause("18/10/2021 09:00", "19/10/2021 09:00", IntervalKind.PAYMENT)
    moved = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [paying], PAUSE, agreed)
    assert moved.due_at == at("26/10/2021 07:00"), "a later pause pushes it back"
    asked = pause("18/10/2021 09:00", "19/10/2021 09:00")
    annulled = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [asked], RESTART, agreed)
    assert annulled.due_at == at("22/10/2021 09:00"), "a later restart annuls it"


def test_a_pause_from_before_a_re_appointment_does_not_push_the_new_date() -> None:
    paid = pause("13/10/2021 09:00", "14/10/2021 09:00", IntervalKind.PAYMENT)
    agreed = Reappointment(at("14/10/2021 10:00"), at("25/10/2021 09:00"))
    found = deadline(OFFICE, RULES, DAYS(3), at("12/10/2021 09:00"), [paid], PAUSE, agreed)
    assert found.due_at == at("25/10/2021 09:00")
    assert found.explanation.entries[-1].starts_at == at("18/10/2021 09:00"), "the counted date had been pushed by it"


def test_the_explanation_tells_every_day() -> None:
    found = deadline(OFFICE, RULES, DAYS(3), at("26/04/2024 10:00")).explanation
    assert (found.scale, found.total, found.counted) == (Scale.DAYS, 3, 3)
    assert [(entry.why, entry.counted, f"{entry.starts_at:%d/%m}") for entry in found.entries] == [
        (Why.START_DAY, 0, "26/04"),
        (Why.WEEKEND, 0, "27/04"),
        (Why.WEEKEND, 0, "28/04"),
        (Why.HOLIDAY, 0, "29/04"),
        (Why.HOLIDAY, 0, "30/04"),
        (Why.HOLIDAY, 0, "01/05"),
        (Why.WORKING, 1, "02/05"),
        (Why.WORKING, 1, "03/05"),
        (Why.MAKE_UP, 1, "04/05"),
    ]
    assert found.entries[3].text == "Ngày nghỉ (thay cho ngày 04/05/2024)"


def test_the_explanation_tells_every_part_of_a_day_and_every_pause() -> None:
    paying = pause("12/10/2021 08:00", "12/10/2021 09:00", IntervalKind.PAYMENT)
    found = deadline(OFFICE, RULES, HOURS(4), at("11/10/2021 18:00"), [paying]).explanation
    assert [(entry.why, entry.counted, f"{entry.starts_at:%H:%M}") for entry in found.entries] == [
        (Why.AFTER_CLOSING, 0, "18:00"),
        (Why.BEFORE_OPENING, 0, "00:00"),
        (Why.WORKING, 3600, "07:00"),
        (Why.PAUSED_PAYMENT, 0, "08:00"),
        (Why.WORKING, 9000, "09:00"),
        (Why.LUNCH, 0, "11:30"),
        (Why.WORKING, 1800, "13:30"),
    ]
    assert found.counted == found.total == 4 * 3600


def test_the_explanation_of_calendar_days_counts_days_off_and_shows_the_move() -> None:
    found = deadline(OFFICE, RULES, ANY_DAYS(2), at("14/10/2021 09:00")).explanation
    assert [(entry.why, entry.counted) for entry in found.entries] == [
        (Why.START_DAY, 0),
        (Why.CALENDAR_DAY, 1),
        (Why.CALENDAR_DAY, 1),
        (Why.WEEKEND, 0),
        (Why.MOVED, 0),
    ]


def test_remaining_time_is_told_in_working_days_and_working_hours() -> None:
    left = remaining(OFFICE, at("05/11/2021 15:30"), at("02/11/2021 10:00"))
    assert (left.overdue, left.days, left.rest_seconds) == (False, 3, 3 * 3600 + 1800)
    assert left.seconds == 27 * 3600 + 1800
    assert left.text == "còn 3 ngày 3 giờ 30 phút làm việc (27 giờ 30 phút)"


def test_remaining_time_skips_holidays_and_is_signed() -> None:
    assert remaining(OFFICE, at("18/02/2021 14:00"), at("09/02/2021 14:00")).days == 2, "Tết in between is no time left"
    late = remaining(OFFICE, at("12/10/2021 09:00"), at("13/10/2021 10:00"))
    assert (late.overdue, late.text) == (True, "quá hạn 1 ngày 1 giờ làm việc (9 giờ)")
    assert remaining(OFFICE, at("12/10/2021 09:00"), at("12/10/2021 09:00")).text == "còn 0 giờ làm việc"
    night = remaining(OFFICE, at("12/10/2021 17:00"), at("12/10/2021 22:00"))
    assert (night.overdue, night.seconds) == (True, 0)


def test_later_gives_the_due_time_back() -> None:
    assert later(OFFICE, at("02/11/2021 10:00"), 3, 3 * 3600 + 1800) == at("05/11/2021 15:30")


def test_moments_may_come_in_any_offset() -> None:
    utc = at("29/10/2021 15:30").astimezone(UTC)
    found = deadline(OFFICE, RULES, DAYS(5), utc).due_at
    assert found == at("05/11/2021 15:30")
    assert found is not None
    assert found.utcoffset() == timedelta(hours=7)


@pytest.mark.parametrize("limit", [(DAYS, 0), (DAYS, -1), (DAYS, 2_501), (HALVES, 0), (HOURS, 20_001), (ANY_DAYS, 0)])
def test_a_limit_that_cannot_be_meant_is_refused(limit: tuple[Callable[[int], Limit], int]) -> None:
    make, count = limit
    with pytest.raises(BadLimit):
        make(count)


def test_an_interval_does_not_run_backwards() -> None:
    with pytest.raises(BadLimit):
        pause("13/10/2021 09:00", "12/10/2021 09:00")


def test_limits_are_said_in_vietnamese() -> None:
    limits = [DAYS(5), HALVES(5), HALVES(4), HOURS(8), ANY_DAYS(30), Limit.none()]
    assert [limit.text for limit in limits] == [
        "5 ngày làm việc",
        "2,5 ngày làm việc",
        "2 ngày làm việc",
        "8 giờ làm việc",
        "30 ngày",
        "không quy định thời hạn",
    ]

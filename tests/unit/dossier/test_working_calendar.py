"""The working calendar of a unit: what is a day off, what wins, when it opens."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from dossier.calendars import OverrideRow, public_holidays, unit_calendar
from dossier.domain.calendar import Calendar, CalendarError, CalendarNotKnown, DayKind, NoWorkingTime, Override
from dossier.domain.hours import BadHours, Hours, windows
from dossier.domain.instants import VIETNAM, NaiveTime, instant, local_day, moment


def judged(calendar: Calendar, day: date) -> tuple[DayKind, str]:
    found = calendar.day(day.toordinal())
    return found.kind, found.reason


def test_a_working_day_has_eight_hours_with_a_lunch_break_by_default() -> None:
    day = unit_calendar().day(date(2021, 10, 12).toordinal())
    assert (day.kind, day.reason, day.seconds) == (DayKind.WORKING, "Thứ Ba, ngày làm việc", 8 * 3600)
    assert day.windows == windows("07:00-11:30, 13:30-17:00")


@pytest.mark.parametrize(
    ("day", "kind", "reason"),
    [
        (date(2021, 10, 16), DayKind.WEEKEND, "Thứ Bảy, ngày nghỉ hằng tuần"),
        (date(2021, 2, 12), DayKind.HOLIDAY, "Tết Nguyên Đán"),
        (date(2021, 4, 21), DayKind.HOLIDAY, "Ngày Giỗ Tổ Hùng Vương"),
        (date(2021, 5, 3), DayKind.HOLIDAY, "Ngày Quốc tế Lao động (nghỉ bù)"),
        (date(2021, 9, 3), DayKind.HOLIDAY, "Quốc khánh"),
        (date(2024, 4, 29), DayKind.HOLIDAY, "Ngày nghỉ (thay cho ngày 04/05/2024)"),
        (date(2024, 5, 4), DayKind.MAKE_UP, "Làm bù cho ngày 29/04/2024"),
        (date(2025, 4, 26), DayKind.MAKE_UP, "Làm bù cho ngày 02/05/2025"),
        (date(2026, 8, 22), DayKind.MAKE_UP, "Làm bù cho ngày 31/08/2026"),
        (date(2026, 11, 24), DayKind.HOLIDAY, "Ngày Văn hóa Việt Nam"),
        (date(2025, 11, 24), DayKind.WORKING, "Thứ Hai, ngày làm việc"),
    ],
)
def test_vietnamese_days_are_judged_and_named(day: date, kind: DayKind, reason: str) -> None:
    assert judged(unit_calendar(), day) == (kind, reason)


def test_an_override_wins_over_holiday_weekend_make_up_and_working_day() -> None:
    swap = [
        OverrideRow(date(2026, 1, 2), False, "Nghỉ hoán đổi với ngày 10/01/2026"),
        OverrideRow(date(2026, 1, 10), True, "Làm bù cho ngày 02/01/2026"),
        OverrideRow(date(2021, 9, 2), True, "Trực giải quyết hồ sơ phòng, chống dịch"),
        OverrideRow(date(2024, 5, 4), False, "Hoãn làm bù"),
    ]
    calendar = unit_calendar(overrides=swap)
    assert judged(calendar, date(2026, 1, 2)) == (DayKind.DAY_OFF, "Nghỉ hoán đổi với ngày 10/01/2026")
    assert judged(calendar, date(2026, 1, 10)) == (DayKind.OVERRIDE_WORKING, "Làm bù cho ngày 02/01/2026")
    assert calendar.day(date(2026, 1, 10).toordinal()).windows == calendar.hours.make_up
    assert judged(calendar, date(2021, 9, 2))[0] is DayKind.OVERRIDE_WORKING
    assert judged(calendar, date(2024, 5, 4)) == (DayKind.DAY_OFF, "Hoãn làm bù")


def test_an_override_can_give_one_day_its_own_hours() -> None:
    calendar = unit_calendar(overrides=[OverrideRow(date(2021, 2, 9), True, "Nghỉ sớm chiều 28 Tết", "07:00-11:30")])
    assert calendar.day(date(2021, 2, 9).toordinal()).windows == windows("07:00-11:30")


def test_an_override_says_why() -> None:
    with pytest.raises(CalendarError, match="lý do"):
        Override(works=False, reason=" ")
    with pytest.raises(CalendarError, match="giờ làm việc"):
        Override(works=False, reason="Nghỉ", windows=windows("07:00-11:30"))


def test_hours_differ_by_weekday_and_unit() -> None:
    ward = unit_calendar(Hours.office("07:30-11:30, 13:30-17:00", {4: "07:30-11:30", 5: "07:30-11:30"}))
    friday, saturday, sunday = (ward.day(date(2021, 10, day).toordinal()) for day in (15, 16, 17))
    assert (friday.seconds, saturday.seconds, sunday.seconds) == (4 * 3600, 4 * 3600, 0)
    assert ward.day(date(2024, 5, 4).toordinal()).seconds == 7 * 3600 + 1800, "a make-up Saturday is a usual day"


def test_two_units_in_one_process_share_no_state() -> None:
    early, late = unit_calendar(Hours.office("06:00-10:00")), unit_calendar(Hours.office("14:00-18:00"))
    day = date(2021, 10, 12).toordinal()
    assert early.day(day).windows != late.day(day).windows
    assert early.day(day) == unit_calendar(Hours.office("06:00-10:00")).day(day)


@pytest.mark.parametrize(
    "text", ["11:30-07:00", "07:00-11:30, 11:00-17:00", "7h-11h", "07:00-25:00", "07:00-07:00", "07:60-08:00", "a, b"]
)
def test_hours_that_cannot_be_kept_are_refused(text: str) -> None:
    with pytest.raises(BadHours):
        windows(text)


def test_a_week_without_any_hours_is_refused() -> None:
    with pytest.raises(BadHours):
        Hours(((), (), (), (), (), (), ()), windows("07:00-11:30"))
    with pytest.raises(BadHours):
        Hours.office(exceptions={7: "07:00-11:30"})


def test_closed_for_good_is_an_error_and_not_an_endless_search() -> None:
    closed = {date.fromordinal(date(2021, 1, 1).toordinal() + day): Override(False, "Giải thể") for day in range(900)}
    calendar = Calendar(Hours.office(), overrides=closed)
    with pytest.raises(NoWorkingTime):
        calendar.next_working(instant(datetime(2021, 1, 4, 8, tzinfo=VIETNAM)))


def test_a_year_without_known_holidays_is_an_error_and_not_a_guess() -> None:
    calendar = unit_calendar(public=public_holidays(2021, 2021))
    assert calendar.day(date(2021, 12, 31).toordinal()).windows
    with pytest.raises(CalendarNotKnown, match="31/12/2021"):
        calendar.day(date(2022, 1, 1).toordinal())


def test_instants_are_local_whole_seconds_whatever_the_offset() -> None:
    utc = datetime(2021, 10, 11, 17, 0, 0, 999_999, tzinfo=UTC)
    assert moment(instant(utc)) == datetime(2021, 10, 12, tzinfo=VIETNAM)
    assert local_day(utc) == date(2021, 10, 12)
    with pytest.raises(NaiveTime):
        instant(datetime(2021, 10, 12, 9))

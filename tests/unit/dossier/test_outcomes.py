"""Early, on time, late; in time, near due, overdue; and where a status is counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dossier.domain.instants import VIETNAM
from dossier.domain.outcome import (
    Column,
    DueState,
    Outcome,
    column,
    due_state,
    index_outcome,
    outcome,
    reporting_day,
    withdrawn_outcome,
)
from dossier.domain.status import Status

DUE = datetime(2021, 10, 26, 9, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("ended_at", "expected"),
    [
        (datetime(2021, 10, 25, 23, 59, tzinfo=VIETNAM), Outcome.EARLY),
        (datetime(2021, 10, 26, 0, 0, tzinfo=VIETNAM), Outcome.ON_TIME),
        (datetime(2021, 10, 26, 16, 59, tzinfo=VIETNAM), Outcome.ON_TIME),
        (datetime(2021, 10, 27, 0, 0, tzinfo=VIETNAM), Outcome.LATE),
        (datetime(2021, 10, 25, 17, 30, tzinfo=UTC), Outcome.ON_TIME),  # already the 26th in Vietnam
    ],
)
def test_a_result_is_judged_by_local_date(ended_at: datetime, expected: Outcome) -> None:
    assert outcome(ended_at, DUE) is expected


def test_without_a_due_date_a_result_is_on_time() -> None:
    assert outcome(DUE, None) is Outcome.ON_TIME
    assert due_state(None, DUE) is DueState.IN_TIME


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DUE - timedelta(hours=24, seconds=1), DueState.IN_TIME),
        (DUE - timedelta(hours=24), DueState.NEAR_DUE),
        (DUE, DueState.NEAR_DUE),
        (datetime(2021, 10, 26, 23, 59, tzinfo=VIETNAM), DueState.NEAR_DUE),
        (datetime(2021, 10, 27, 0, 0, tzinfo=VIETNAM), DueState.OVERDUE),
    ],
)
def test_an_open_dossier_is_overdue_after_its_due_date(now: datetime, expected: DueState) -> None:
    assert due_state(DUE, now) is expected


def test_the_index_counts_a_second_supplement_request_as_late() -> None:
    assert index_outcome(DUE, DUE, 1) is Outcome.ON_TIME
    assert index_outcome(DUE, DUE, 2) is Outcome.LATE


def test_a_withdrawn_dossier_counts_as_on_time() -> None:
    assert withdrawn_outcome() is Outcome.ON_TIME


def test_the_reporting_day_is_the_vietnamese_date() -> None:
    assert reporting_day(datetime(2021, 10, 11, 17, 0, tzinfo=UTC)) == date(2021, 10, 12)


def test_every_status_has_its_column_and_its_name() -> None:
    assert {status: column(status) for status in Status if status in (5, 6, 8)} == dict.fromkeys(
        (Status.AWAITING_SUPPLEMENT, Status.AWAITING_PAYMENT, Status.STOPPED), Column.PAUSED
    )
    assert [column(status) for status in (Status.FILED, Status.PROCESSING, Status.WITHDRAWN, Status.COMPLETED)] == [
        Column.NOT_COUNTED,
        Column.IN_PROGRESS,
        Column.WITHDRAWN,
        Column.DONE,
    ]
    assert [status.text for status in Status if status.closed] == [
        "Không được tiếp nhận",
        "Công dân yêu cầu rút hồ sơ",
        "Dừng xử lý",
        "Đã trả kết quả",
    ]
    assert [int(status) for status in Status] == list(range(1, 11))

"""What is counted, on which day, and that the order of events does not matter."""

from __future__ import annotations

import collections
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats import domain
from stats.domain import Measure

VIETNAM = datetime.timezone(datetime.timedelta(hours=7))


def at(day: int, hour: int = 9) -> datetime.datetime:
    return datetime.datetime(2021, 10, day, hour, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("ended", "due", "found"),
    [
        (at(25), at(26), Measure.EARLY),
        (at(26, 17), at(26, 9), Measure.ON_TIME),
        (at(27, 7), at(26, 23), Measure.LATE),
        (at(27), None, Measure.ON_TIME),
    ],
)
def test_early_on_time_and_late_are_compared_by_local_date(
    ended: datetime.datetime, due: datetime.datetime | None, found: Measure
) -> None:
    assert domain.outcome(ended, due) is found


def test_an_evening_in_utc_is_the_next_day_in_the_province() -> None:
    assert domain.reporting_day(datetime.datetime(2021, 10, 11, 18, tzinfo=datetime.UTC)) == datetime.date(2021, 10, 12)


def test_a_finished_dossier_moves_finished_and_one_outcome() -> None:
    keys = domain.finished("H52.17", at(25), at(26))
    assert [measure for _, _, measure in keys] == [Measure.FINISHED, Measure.EARLY]


@given(st.lists(st.sampled_from([("a", at(1)), ("a", at(2)), ("b", at(1))])), st.randoms())
def test_a_batch_in_any_order_is_the_same_sum(events: list[tuple[str, datetime.datetime]], random: object) -> None:
    keys = [key for unit, moment in events for key in domain.received(unit, moment)]
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert domain.total(keys) == domain.total(shuffled) == sorted(collections.Counter(keys).items())

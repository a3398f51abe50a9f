"""The camera's clock against ours."""

from datetime import UTC, datetime, timedelta

import pytest

from ipcam.domain.clock import drifts, measure

NOW = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)


def judged(ahead_s: float, round_trip_s: float = 0.2) -> bool | None:
    answered = NOW + timedelta(seconds=round_trip_s)
    middle = NOW + timedelta(seconds=round_trip_s / 2)
    return drifts(measure(middle + timedelta(seconds=ahead_s - 0.5), NOW, answered))


def test_a_clock_that_agrees_is_right_and_one_far_off_is_wrong_both_ways() -> None:
    assert judged(0) is False
    assert judged(95) is True
    assert judged(-3600) is True


def test_between_the_limits_and_on_a_slow_answer_nothing_is_said() -> None:
    assert judged(4) is None
    assert judged(7, round_trip_s=8) is None


def test_half_the_round_trip_is_allowed_for() -> None:
    drift = measure(NOW + timedelta(seconds=1.5), NOW, NOW + timedelta(seconds=4))
    assert drift.ahead == timedelta(0)
    assert drift.uncertainty == timedelta(seconds=2.5)


def test_an_answer_before_the_question_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="before"):
        measure(NOW, NOW, NOW - timedelta(seconds=1))

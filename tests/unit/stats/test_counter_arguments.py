"""The period that counters are asked for."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from stats.views import CounterArguments


@pytest.mark.parametrize(
    ("since", "until"), [("2026-03-02", "2026-03-02"), ("2026-01-01", "2027-01-02"), ("9999-12-31", "9999-12-31")]
)
def test_a_period_of_at_most_366_days(since: str, until: str) -> None:
    assert CounterArguments().load({"since": since, "until": until})


@pytest.mark.parametrize(
    ("since", "until"), [("2026-03-02", "2026-03-01"), ("2026-01-01", "2027-01-03"), ("0001-01-01", "9999-12-31")]
)
def test_another_period_is_refused(since: str, until: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CounterArguments().load({"since": since, "until": until})
    assert list(refused.value.messages) == ["until"]

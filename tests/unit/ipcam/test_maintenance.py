"""Planned outages."""

from datetime import UTC, datetime, timedelta

import pytest

from ipcam.domain.maintenance import MaintenanceRefused, Window, plan, planned

NOW = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_window_covers_its_beginning_and_not_its_end() -> None:
    window = plan(NOW, NOW + HOUR, "thay nguồn", NOW)
    assert planned([window], "c", NOW) == window
    assert planned([window], "c", NOW + HOUR) is None
    assert planned([window], "c", NOW - timedelta(seconds=1)) is None


def test_a_window_of_one_camera_excuses_no_other_and_one_of_the_site_excuses_all() -> None:
    one, whole = Window(NOW, NOW + HOUR, "x", "c-1"), Window(NOW, NOW + 2 * HOUR, "y")
    assert planned([one], "c-2", NOW) is None
    assert planned([one, whole], "c-1", NOW) == whole


@pytest.mark.parametrize(
    ("starts", "ends", "reason", "field"),
    [
        (NOW, NOW, "x", "ends_at"),
        (NOW - 2 * HOUR, NOW - HOUR, "x", "ends_at"),
        (NOW, NOW + timedelta(days=7, seconds=1), "x", "CĐ 597/CĐ-BCĐ"),
        (NOW, NOW + HOUR, "  ", "reason"),
    ],
)
def test_an_impossible_window_is_refused_with_the_field_and_the_rule(
    starts: datetime, ends: datetime, reason: str, field: str
) -> None:
    with pytest.raises(MaintenanceRefused, match=field):
        plan(starts, ends, reason, NOW)

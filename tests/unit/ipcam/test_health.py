"""Online, degraded, offline: debounced, with the true beginning."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ipcam.domain.health import WELL, Health, HealthChanged, Patience, Sighting, Status, watch

START = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)
DEAD = Sighting(Status.OFFLINE, "stalled")
SLOW = Sighting(Status.DEGRADED, "low_frame_rate")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def follow(*seen: tuple[float, Sighting], health: Health = Health()) -> tuple[Health, list[HealthChanged]]:
    changes = []
    for second, sighting in seen:
        health, changed = watch(health, sighting, after(second))
        changes += [changed] if changed else []
    return health, changes


def online() -> Health:
    return follow((0, WELL))[0]


def test_the_first_good_sighting_makes_a_camera_online_at_once() -> None:
    health, changes = follow((0, WELL))
    assert health.status is Status.ONLINE
    assert changes == [HealthChanged(Status.UNKNOWN, Status.ONLINE, None, START, START, None)]


def test_a_short_hiccup_alarms_nobody() -> None:
    _, changes = follow((1, DEAD), (8, DEAD), (9, WELL), (30, WELL), health=online())
    assert changes == []


def test_a_dead_camera_is_offline_within_fifteen_seconds_and_since_its_last_picture() -> None:
    sightings = [(s, Sighting(Status.OFFLINE, "stalled", timedelta(seconds=s - 1))) for s in range(7, 16)]
    _, changes = follow(*sightings, health=online())
    assert [c.status for c in changes] == [Status.OFFLINE]
    assert changes[0].since == after(1)
    assert changes[0].at - changes[0].since < timedelta(seconds=15)


def test_a_camera_that_never_answered_becomes_offline_and_not_unknown_for_ever() -> None:
    _, changes = follow((0, Sighting(Status.OFFLINE, "refused")), (12, Sighting(Status.OFFLINE, "refused")))
    assert [(c.status, c.reason) for c in changes] == [(Status.OFFLINE, "refused")]


def test_recovery_is_believed_only_after_it_lasts() -> None:
    dead, _ = follow((1, DEAD), (12, DEAD), health=online())
    _, changes = follow((20, WELL), (24, DEAD), (25, WELL), (30, WELL), health=dead)
    assert changes == []
    _, changes = follow((20, WELL), (31, WELL), health=dead)
    assert [(c.status, c.since, c.lasted) for c in changes] == [(Status.ONLINE, after(20), timedelta(seconds=19))]


def test_an_impaired_camera_that_dies_is_offline_and_one_that_flaps_between_both_is_degraded() -> None:
    _, changes = follow(*((s, DEAD if s % 10 < 5 else SLOW) for s in range(0, 60)), health=online())
    assert [c.status for c in changes] == [Status.DEGRADED]
    degraded, _ = follow((0, SLOW), (25, SLOW), health=online())
    _, changes = follow((26, DEAD), (37, DEAD), health=degraded)
    assert [c.status for c in changes] == [Status.OFFLINE]


def test_a_dead_camera_that_comes_back_impaired_is_degraded() -> None:
    dead, _ = follow((1, DEAD), (12, DEAD), health=online())
    _, changes = follow((20, SLOW), (31, SLOW), health=dead)
    assert [(c.status, c.reason) for c in changes] == [(Status.DEGRADED, "low_frame_rate")]


@given(st.lists(st.tuples(st.floats(0.1, 30), st.sampled_from([WELL, SLOW, DEAD])), max_size=60))
def test_changes_alternate_and_never_come_faster_than_patience_allows(steps: list[tuple[float, Sighting]]) -> None:
    health, at, changes = Health(), START, []
    for wait, sighting in steps:
        at += timedelta(seconds=wait)
        health, changed = watch(health, sighting, at)
        changes += [changed] if changed else []
    for former, latter in zip(changes, changes[1:], strict=False):
        assert latter.was is former.status and latter.status is not former.status
        assert latter.at - former.at >= timedelta(0) and latter.since <= latter.at
    assert all(c.at - c.since >= Patience().offline for c in changes if c.status is Status.OFFLINE)

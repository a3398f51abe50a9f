"""Somebody in a forbidden area is believed after two looks of three, and gone after three without, and not sooner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ipcam.domain.presence import PersonGone, PersonSeen, PresenceState, follow, inside, leave

START = datetime(2021, 6, 15, 22, tzinfo=UTC)
TRIANGLE = [[0.2, 0.2], [0.8, 0.2], [0.5, 0.8]]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looks(*seen: bool, every_s: float = 2.0) -> tuple[PresenceState, list[PersonSeen | PersonGone]]:
    state, changes = PresenceState("kho"), []
    for index, one in enumerate(seen):
        state, change = follow(state, one, after(index * every_s))
        changes += [change] if change else []
    return state, changes


def test_one_look_is_not_believed() -> None:
    assert looks(True, False, False, True)[1] == []


def test_two_looks_of_three_are_believed_since_the_first_of_them() -> None:
    assert looks(False, True, False, True)[1] == [PersonSeen("kho", after(2), after(6))]


def test_two_looks_far_apart_are_two_single_looks() -> None:
    assert looks(True, True, every_s=121)[1] == []


def test_somebody_is_gone_after_three_looks_without_that_span_twenty_seconds() -> None:
    state, changes = looks(True, True, *[False] * 9)
    assert (changes[1:], state.present) == ([], True)
    state, changes = looks(True, True, *[False] * 10)
    assert changes[1:] == [PersonGone("kho", after(0), after(2), after(22))]
    assert state == PresenceState("kho")


def test_rare_looks_do_not_end_it_after_the_first_that_finds_nobody() -> None:
    assert len(looks(True, True, False, False, every_s=15)[1]) == 1
    assert len(looks(True, True, False, False, False, every_s=15)[1]) == 2


def test_an_area_that_is_forbidden_no_longer_is_left_at_once() -> None:
    state, _ = looks(True, True)
    assert leave(state, after(3)) == (PresenceState("kho"), PersonGone("kho", after(0), after(2), after(3)))


@given(st.lists(st.booleans(), max_size=60))
def test_seen_and_gone_take_turns_and_time_does_not_go_back(seen: list[bool]) -> None:
    changes = looks(*seen, every_s=4)[1]
    kinds = [type(change) for change in changes]
    assert kinds == [PersonSeen, PersonGone][: len(kinds)] * 1 or kinds == ([PersonSeen, PersonGone] * 30)[: len(kinds)]
    times = [change.at for change in changes]
    assert times == sorted(times) and all(change.since <= change.at for change in changes)


def test_a_point_is_inside_its_polygon() -> None:
    assert inside(TRIANGLE, 0.5, 0.5) and inside(TRIANGLE, 0.25, 0.22)
    assert not inside(TRIANGLE, 0.2, 0.7) and not inside(TRIANGLE, 0.5, 0.9) and not inside(TRIANGLE, 0.5, 0.1)

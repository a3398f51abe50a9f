"""Faults are raised and cleared with hysteresis."""

from datetime import UTC, datetime, timedelta

from ipcam.domain.faults import LABELS, Fault, FaultCleared, FaultRaised, FaultState, Hysteresis, look

START = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)


def follow(looks: str, rule: Hysteresis = Hysteresis(), state: FaultState | None = None) -> list[tuple[int, object]]:
    """`x` shows the fault, `.` does not, `?` cannot tell; a look every ten seconds. Returns (index, what happened)."""
    state = state or FaultState(Fault.COVERED)
    happened = []
    for index, mark in enumerate(looks):
        shows = {"x": True, ".": False, "?": None}[mark]
        state, change = look(state, shows, START + timedelta(seconds=10 * index), rule)
        happened += [(index, change)] if change else []
    return happened


def test_one_odd_picture_raises_nothing() -> None:
    assert follow(".x.x.x.x.") == []


def test_two_in_a_row_raise_once_since_the_first_of_them() -> None:
    raised = follow("..xxxxx")
    assert [index for index, _ in raised] == [3]
    assert raised[0][1] == FaultRaised(Fault.COVERED, START + timedelta(seconds=20), START + timedelta(seconds=30))


def test_one_good_picture_clears_nothing_and_three_clear() -> None:
    happened = follow("xx.xx..x...")
    assert [index for index, _ in happened] == [1, 10]
    cleared = happened[1][1]
    assert isinstance(cleared, FaultCleared)
    assert cleared.lasted == timedelta(seconds=80)


def test_a_look_that_cannot_tell_neither_counts_nor_breaks_a_run() -> None:
    assert [index for index, _ in follow("x???x")] == [4]
    assert follow("????") == []


def test_a_run_must_also_last() -> None:
    rule = Hysteresis(raise_samples=2, raise_after=timedelta(seconds=30))
    assert [index for index, _ in follow("xxxxx", rule)] == [3]


def test_every_fault_has_a_vietnamese_name() -> None:
    assert set(LABELS) == set(Fault)

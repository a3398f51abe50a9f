"""When motion begins and ends in an area, from the share of the area that moves in each look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

Polygon = Sequence[Sequence[float]]


class AreaRefused(ValueError):
    """The polygon cannot be used; the message names the field and the rule."""


def check_areas(areas: Mapping[str, Polygon], masks: Sequence[Polygon]) -> None:
    """Polygons with at least three corners, each a share of width and height. Raises AreaRefused."""
    named = {f"areas.{name}": polygon for name, polygon in areas.items()}
    named |= {f"masks.{index}": polygon for index, polygon in enumerate(masks)}
    for field, polygon in named.items():
        if len(polygon) < 3:
            raise AreaRefused(f"{field}: a polygon needs at least three corners")
        if any(not (0 <= x <= 1 and 0 <= y <= 1) for x, y in polygon):
            raise AreaRefused(f"{field}: corners are shares of width and height, from 0 to 1")


@dataclass(frozen=True)
class MotionRule:
    """Motion begins after `looks` looks in a row with at least `share` of the area moving, and ends after `quiet` without."""

    share: float = 0.004
    looks: int = 2
    quiet: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class MotionState:
    """One area of one camera."""

    area: str
    moving: bool = False
    since: datetime | None = None
    last_at: datetime | None = None
    run: int = 0
    peak_share: float = 0.0


@dataclass(frozen=True)
class MotionStarted:
    """Something moves in the area since `since`."""

    area: str
    since: datetime
    at: datetime


@dataclass(frozen=True)
class MotionEnded:
    """Nothing moves any more since `last_at`; `peak_share` is the largest share of the area that moved."""

    area: str
    since: datetime
    last_at: datetime
    at: datetime
    peak_share: float


def follow(
    state: MotionState, share: float, at: datetime, rule: MotionRule = MotionRule()
) -> tuple[MotionState, MotionStarted | MotionEnded | None]:
    """Takes one look at the area."""
    if share >= rule.share:
        began = state.since or at
        state = replace(state, since=began, last_at=at, run=state.run + 1, peak_share=max(state.peak_share, share))
        if not state.moving and state.run >= rule.looks:
            return replace(state, moving=True), MotionStarted(state.area, began, at)
        return state, None
    if not state.moving:
        return MotionState(state.area), None
    assert state.since is not None and state.last_at is not None
    if at - state.last_at >= rule.quiet:
        return MotionState(state.area), MotionEnded(state.area, state.since, state.last_at, at, state.peak_share)
    return replace(state, run=0), None

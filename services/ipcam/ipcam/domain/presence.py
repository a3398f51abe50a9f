"""When somebody is believed to be in a forbidden area, and when no longer, by single looks that are often wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ipcam.domain.motion import Polygon


@dataclass(frozen=True)
class PresenceRule:
    """Believed when `seen` of the last `of` looks, none older than `within`, found somebody; over after `missed` looks in a row
    without anybody that span `quiet`."""

    seen: int = 2
    of: int = 3
    within: timedelta = timedelta(minutes=2)
    missed: int = 3
    quiet: timedelta = timedelta(seconds=20)


@dataclass(frozen=True)
class PresenceState:
    """One area of one camera. `looks`: the last looks as (when, somebody was seen), oldest first; `missed`: those without, in a row."""

    area: str
    present: bool = False
    since: datetime | None = None
    last_at: datetime | None = None
    looks: tuple[tuple[datetime, bool], ...] = ()
    missed: int = 0


@dataclass(frozen=True)
class PersonSeen:
    """Somebody is in the area since `since`; it was believed at `at`."""

    area: str
    since: datetime
    at: datetime


@dataclass(frozen=True)
class PersonGone:
    """Nobody is in the area any more; somebody was seen there from `since` to `last_at`."""

    area: str
    since: datetime
    last_at: datetime
    at: datetime


def follow(
    state: PresenceState, seen: bool, at: datetime, rule: PresenceRule = PresenceRule()
) -> tuple[PresenceState, PersonSeen | PersonGone | None]:
    """Takes one look at the area."""
    kept = [look for look in state.looks if at - look[0] <= rule.within]
    looks = (*kept, (at, seen))[-rule.of :]
    state = replace(state, looks=looks, last_at=at if seen else state.last_at, missed=0 if seen else state.missed + 1)
    if not state.present:
        hits = [when for when, hit in looks if hit]
        if len(hits) < rule.seen:
            return state, None
        return replace(state, present=True, since=hits[0]), PersonSeen(state.area, hits[0], at)
    assert state.last_at is not None
    if state.missed >= rule.missed and at - state.last_at >= rule.quiet:
        return leave(state, at)
    return state, None


def leave(state: PresenceState, at: datetime) -> tuple[PresenceState, PersonGone]:
    """The area is empty, or no longer forbidden."""
    assert state.since is not None and state.last_at is not None
    return PresenceState(state.area), PersonGone(state.area, state.since, state.last_at, at)


def inside(polygon: Polygon, x: float, y: float) -> bool:
    """Whether the point lies in the polygon (even-odd rule); all numbers are shares of width and height."""
    within = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            within = not within
    return within

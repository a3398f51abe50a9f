"""Judges whether a camera's own clock agrees with ours; evidence with a wrong time is weak evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class ClockPolicy:
    """A clock is wrong beyond `raise_beyond`, right again within `clear_within`; between the two nothing changes."""

    raise_beyond: timedelta = timedelta(seconds=5)
    clear_within: timedelta = timedelta(seconds=3)


@dataclass(frozen=True)
class Drift:
    """Camera time minus ours (positive: the camera is ahead), true within ± `uncertainty` (half the round trip, and the answer's resolution)."""

    ahead: timedelta
    uncertainty: timedelta


def measure(
    camera_time: datetime, asked_at: datetime, answered_at: datetime, resolution: timedelta = timedelta(seconds=1)
) -> Drift:
    """The drift, all times with a zone. ONVIF answers in whole seconds, cut off: half a second is added to the camera's time."""
    if answered_at < asked_at:
        raise ValueError("answered before asked")
    half = (answered_at - asked_at) / 2
    return Drift(camera_time + resolution / 2 - (asked_at + half), half + resolution / 2)


def drifts(drift: Drift, policy: ClockPolicy = ClockPolicy()) -> bool | None:
    """True: surely wrong; False: surely right; None: cannot be told (slow answer, or between the two limits)."""
    off = abs(drift.ahead)
    if off - drift.uncertainty > policy.raise_beyond:
        return True
    if off + drift.uncertainty < policy.clear_within:
        return False
    return None

"""Planned outages: a camera under maintenance is still watched, but its silence alarms nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Sites must be watched without a break (CĐ 597/CĐ-BCĐ, 5/5/2021): a window is short, and a longer one is planned anew by somebody.
LONGEST = timedelta(days=7)


class MaintenanceRefused(ValueError):
    """The window cannot be planned."""


@dataclass(frozen=True)
class Window:
    """From `starts_at` up to, not including, `ends_at`; `reason` is for people. `camera_id` None: every camera of the site."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    camera_id: str | None = None


def plan(starts_at: datetime, ends_at: datetime, reason: str, at: datetime, camera_id: str | None = None) -> Window:
    """A window planned at `at`. Raises MaintenanceRefused: no reason, backwards, already over, or longer than LONGEST."""
    if not reason.strip():
        raise MaintenanceRefused("reason: a planned outage needs a reason")
    if ends_at <= starts_at:
        raise MaintenanceRefused("ends_at: must be after starts_at")
    if ends_at <= at:
        raise MaintenanceRefused("ends_at: lies in the past; an outage is planned beforehand")
    if ends_at - starts_at > LONGEST:
        raise MaintenanceRefused(
            f"ends_at: at most {LONGEST.days} days after starts_at (CĐ 597/CĐ-BCĐ: cameras watch continuously)"
        )
    return Window(starts_at, ends_at, reason.strip(), camera_id)


def planned(windows: Iterable[Window], camera_id: str, at: datetime) -> Window | None:
    """The window that covers the camera now; of several the one that ends last."""
    covering = [w for w in windows if w.camera_id in (None, camera_id) and w.starts_at <= at < w.ends_at]
    return max(covering, key=lambda w: w.ends_at, default=None)

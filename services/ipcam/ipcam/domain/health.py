"""Whether a camera is online, degraded or offline, why and since when, without being fooled by a short hiccup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """What the operations room is told. UNKNOWN: registered, never watched yet."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


@dataclass(frozen=True)
class Sighting:
    """How the camera looks at one moment, before any debouncing; `reason` is None when it is well; `ago` is how long it has been so already."""

    status: Status
    reason: str | None = None
    ago: timedelta = timedelta(0)


WELL = Sighting(Status.ONLINE)


@dataclass(frozen=True)
class Patience:
    """How long a sighting must hold before it is believed; offline counts from the last picture."""

    offline: timedelta = timedelta(seconds=10)
    degraded: timedelta = timedelta(seconds=20)
    recovery: timedelta = timedelta(seconds=10)


@dataclass(frozen=True)
class Health:
    """What is believed, and since when each kind of sighting has held without a break."""

    status: Status = Status.UNKNOWN
    reason: str | None = None
    since: datetime | None = None
    offline_since: datetime | None = None
    impaired_since: datetime | None = None
    alive_since: datetime | None = None
    well_since: datetime | None = None
    offline_reason: str | None = None
    impaired_reason: str | None = None


@dataclass(frozen=True)
class HealthChanged:
    """What happened: `since` is when it began, `at` when it was believed; `lasted` is how long the former status held."""

    was: Status
    status: Status
    reason: str | None
    since: datetime
    at: datetime
    lasted: timedelta | None


def watch(
    health: Health, seen: Sighting, at: datetime, patience: Patience = Patience()
) -> tuple[Health, HealthChanged | None]:
    """Takes one sighting. A change is returned once, when the sighting has held as long as `patience` asks."""
    health = _note(health, seen, at)
    status, since, reason = _believe(health, at, patience)
    if status == health.status:
        known = seen.reason if seen.status == status and status is not Status.ONLINE else health.reason
        return replace(health, reason=known), None
    lasted = since - health.since if health.since else None
    changed = HealthChanged(health.status, status, reason, since, at, lasted)
    return replace(health, status=status, reason=reason, since=since), changed


def _note(health: Health, seen: Sighting, at: datetime) -> Health:
    """Keeps the beginning of each unbroken run: offline, at least impaired, at least alive, wholly well."""
    off, well, began = seen.status is Status.OFFLINE, seen.status is Status.ONLINE, at - seen.ago
    return replace(
        health,
        offline_since=(health.offline_since or began) if off else None,
        impaired_since=None if well else (health.impaired_since or began),
        alive_since=None if off else (health.alive_since or at),
        well_since=(health.well_since or at) if well else None,
        offline_reason=seen.reason if off else None,
        impaired_reason=None if well else seen.reason,
    )


def _believe(health: Health, at: datetime, patience: Patience) -> tuple[Status, datetime, str | None]:
    now = (health.status, health.since or at, health.reason)
    if health.offline_since and at - health.offline_since >= patience.offline:
        return (
            (Status.OFFLINE, health.offline_since, health.offline_reason)
            if health.status is not Status.OFFLINE
            else now
        )
    if health.status is Status.UNKNOWN:
        return (Status.ONLINE, health.well_since, None) if health.well_since else _impaired(health, at, patience, now)
    if health.status is Status.OFFLINE:
        if not health.alive_since or at - health.alive_since < patience.recovery:
            return now
        well = health.well_since is not None
        return (
            Status.ONLINE if well else Status.DEGRADED,
            health.alive_since,
            None if well else health.impaired_reason,
        )
    if health.status is Status.ONLINE:
        return _impaired(health, at, patience, now)
    if health.well_since and at - health.well_since >= patience.recovery:
        return Status.ONLINE, health.well_since, None
    return now


def _impaired(
    health: Health, at: datetime, patience: Patience, now: tuple[Status, datetime, str | None]
) -> tuple[Status, datetime, str | None]:
    if health.impaired_since and at - health.impaired_since >= patience.degraded:
        return Status.DEGRADED, health.impaired_since, health.impaired_reason
    return now

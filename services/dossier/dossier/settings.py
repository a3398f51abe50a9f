"""The environment of dossier beyond the chassis'."""

from __future__ import annotations

import dataclasses
import functools

from chassis.settings import read, variable


@dataclasses.dataclass(frozen=True)
class WatchSettings:
    """When a promise is due soon, and how the scheduler works; every process that changes dossiers reads it."""

    warn_days: int = variable("DUE_SOON_WORKING_DAYS", "working days before a due time at which it is due soon", 1)
    poll_s: float = variable("SCHEDULER_POLL_S", "pause between looks for promises whose moment has come", 0.5)
    batch: int = variable("SCHEDULER_BATCH", "most promises said, or dossiers recounted, in one transaction", 200)


@functools.cache
def watch() -> WatchSettings:
    """The settings of the watch, read once a process."""
    return read(WatchSettings)

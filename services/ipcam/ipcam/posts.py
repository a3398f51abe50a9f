"""A camera as its watcher knows it: how to read it, the lease that it holds, and what is believed of it."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from ipcam.address import Source
from ipcam.credentials import Credentials, Safe
from ipcam.domain.faults import Fault, FaultState
from ipcam.domain.health import Health
from ipcam.domain.motion import MotionState
from ipcam.domain.presence import PresenceState
from ipcam.onvif import OnvifAddress
from ipcam.reference import Reference
from ipcam.vision import PictureJudge
from ipcam.watch_store import health_of


@dataclasses.dataclass
class Post:
    """One camera that this process watches. `row` is the registry's (store.POSTS); `worker` and `epoch` name the lease."""

    row: Any
    account: Credentials | None
    worker: str
    epoch: int
    health: Health
    faults: dict[Fault, FaultState]
    moving: dict[str, MotionState]
    persons: dict[str, PresenceState]
    judge: PictureJudge
    silenced: bool = False
    kept_looks: int = 0
    codec_accepted: bool = False
    unpeopled: Reference | None = None  # what it usually showed when last nobody was believed there

    @property
    def id(self) -> str:
        """The camera's id."""
        return str(self.row.id)

    def source(self) -> Source:
        """The stream that is watched: the small one where there is one. What is odd in the registry is read as it is."""
        username, password = (self.account.username, self.account.password) if self.account else (None, None)
        return Source(self.id, self.row.sub_url or self.row.rtsp_url, username, password, self.row.transport)

    def onvif(self) -> OnvifAddress | None:
        """Where the camera's device service is, if it has one."""
        if not self.row.onvif_url:
            return None
        username, password = (self.account.username, self.account.password) if self.account else (None, None)
        return OnvifAddress(self.row.onvif_url, username, password)

    def raised(self) -> dict[str, datetime]:
        """The faults that are raised, since when."""
        return {fault: state.since for fault, state in self.faults.items() if state.raised and state.since}


def taken(row: Any, known: Any, worker: str, epoch: int, safe: Safe) -> Post:
    """A camera that was just taken, with what its former watcher believed of it."""
    learned = known.reference is not None and known.learned == row.relearn
    faults = {Fault(name): datetime.fromisoformat(since) for name, since in known.faults.items()}
    moving = {area: datetime.fromisoformat(since) for area, since in known.moving.items()}
    persons = {area: datetime.fromisoformat(since) for area, since in known.persons.items()}
    return Post(
        row=row,
        account=safe.unlock(row.credentials),
        worker=worker,
        epoch=epoch,
        health=health_of(known.health),
        faults={fault: FaultState(fault, fault in faults, faults.get(fault)) for fault in Fault},
        moving={area: MotionState(area, True, since, since) for area, since in moving.items()},
        persons={area: PresenceState(area, True, since, since) for area, since in persons.items()},
        judge=PictureJudge(Reference.from_bytes(bytes(known.reference)) if learned else None),
        silenced=row.silenced,
    )

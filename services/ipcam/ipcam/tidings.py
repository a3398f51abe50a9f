"""What a watcher tells: state, history, event and alarm in one transaction that its lease fences."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from chassis.context import Context, new_id, running
from chassis.database import Database, Tx
from chassis.outbox import announce
from ipcam import alarms, watch_store
from ipcam.domain.faults import FaultCleared, FaultRaised, FaultState
from ipcam.domain.health import Health, HealthChanged, Status
from ipcam.events import HEALTH, CameraFact
from ipcam.events import FaultCleared as FaultClearedEvent
from ipcam.events import FaultRaised as FaultRaisedEvent
from ipcam.posts import Post


@contextlib.contextmanager
def fenced(database: Database, post: Post) -> Iterator[Tx]:
    """A transaction that only the holder of the camera's lease commits. Raises LeaseLost."""
    with running(Context(new_id())), database.transaction() as tx:
        watch_store.fence(tx, post.id, post.worker, post.epoch)
        yield tx


def tell_health(tx: Tx, post: Post, health: Health, changed: HealthChanged, planned: bool) -> str:
    """A change of health; the id of its event. Under maintenance nobody is alarmed, and that is remembered for its end."""
    watch_store.record_health(tx, post.id, health, silenced=planned and changed.status is not Status.ONLINE)
    data = {"was": changed.was, "reason": changed.reason, "since": changed.since, "planned": planned}
    if not planned:
        alarms.health_changed(tx, post, changed)
    return tell(tx, post, HEALTH[changed.status], str(changed.status), changed.at, data, planned=planned)


def tell_fault(tx: Tx, post: Post, change: FaultRaised | FaultCleared, snapshot: str | None = None) -> str:
    """A fault that was raised or cleared; the id of its event."""
    states = post.faults | {change.fault: FaultState(change.fault, isinstance(change, FaultRaised), change.since)}
    raised = {str(name): state.since for name, state in states.items() if state.raised and state.since}
    watch_store.record_faults(tx, post.id, raised)
    data: dict[str, Any] = {"fault": change.fault, "since": change.since}
    alarms.fault_changed(tx, post, change)
    if isinstance(change, FaultRaised):
        return tell(tx, post, FaultRaisedEvent, "fault_raised", change.at, data | {"snapshot": snapshot})
    data["lasted_s"] = change.lasted.total_seconds()
    return tell(tx, post, FaultClearedEvent, "fault_cleared", change.at, data)


def tell_motion(
    tx: Tx, post: Post, event: type[CameraFact], kind: str, at: datetime.datetime, data: Mapping[str, Any]
) -> str:
    """Motion that began or ended; the id of its event."""
    moving = {area: state.since for area, state in post.moving.items() if state.moving and state.since}
    watch_store.record_moving(tx, post.id, moving)
    return tell(tx, post, event, kind, at, data)


def tell(
    tx: Tx,
    post: Post,
    event: type[CameraFact],
    kind: str,
    at: datetime.datetime,
    data: Mapping[str, Any],
    planned: bool = False,
) -> str:
    """One event and its line in the history; the event's id."""
    event_id = announce(tx, event, post.id, {"camera": post.id, "site": post.row.site, "at": at, **data}, at)
    watch_store.add_line(
        tx,
        post.id,
        kind,
        at,
        since=data.get("since"),
        event_id=event_id,
        worker=post.worker,
        epoch=post.epoch,
        planned=planned,
        data=data,
    )
    return event_id

"""What a watcher tells: state, history, event and alarm in one transaction that its lease fences."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from chassis import logs
from chassis.context import Context, new_id, running
from chassis.database import Database, Tx, is_away
from chassis.outbox import announce
from ipcam import alarms, watch_store
from ipcam.domain.faults import FaultCleared, FaultRaised
from ipcam.domain.health import Health, HealthChanged, Status
from ipcam.domain.motion import MotionEnded, MotionStarted
from ipcam.domain.presence import PersonGone, PersonSeen
from ipcam.events import HEALTH, CameraFact
from ipcam.events import FaultCleared as FaultClearedEvent
from ipcam.events import FaultRaised as FaultRaisedEvent
from ipcam.events import MotionEnded as MotionEndedEvent
from ipcam.events import MotionStarted as MotionStartedEvent
from ipcam.events import PersonGone as PersonGoneEvent
from ipcam.events import PersonSeen as PersonSeenEvent
from ipcam.posts import Post

log = logs.get(__name__)


@contextlib.contextmanager
def contained(post: Post, what: str) -> Iterator[None]:
    """What goes wrong while one camera's change is told stays with that camera: the change is told at a later look."""
    try:
        yield
    except watch_store.LeaseLost:
        log.info("lease lost", camera=post.id)
    # Wide on purpose: whatever it is, hundreds of other cameras are watched by the same thread.
    except Exception as error:
        if is_away(error):
            log.debug(f"{what} waits for the database", camera=post.id)
        else:
            log.exception(f"{what} could not be told", camera=post.id)


@contextlib.contextmanager
def fenced(database: Database, post: Post) -> Iterator[Tx]:
    """A transaction that only the holder of the camera's lease commits. Raises LeaseLost."""
    with running(Context(new_id())), database.transaction() as tx:
        watch_store.fence(tx, post.id, post.worker, post.epoch)
        yield tx


def tell_health(tx: Tx, post: Post, health: Health, changed: HealthChanged, planned: bool) -> str | None:
    """A change of health; the id of its event. Under maintenance nobody is alarmed, and that is remembered for its end.

    This and the following give None, and do nothing, when the change was told before: the commit was made and its answer lost."""
    if not watch_store.record_health(tx, post.id, health, silenced=planned and changed.status is not Status.ONLINE):
        return None
    data = {"was": changed.was, "reason": changed.reason, "since": changed.since, "planned": planned}
    if not planned:
        alarms.health_changed(tx, post, changed)
    return tell(tx, post, HEALTH[changed.status], str(changed.status), changed.at, data, planned=planned)


def tell_fault(tx: Tx, post: Post, change: FaultRaised | FaultCleared, snapshot: str | None = None) -> str | None:
    """A fault that was raised or cleared."""
    data: dict[str, Any] = {"fault": change.fault, "since": change.since}
    if isinstance(change, FaultRaised):
        if not watch_store.begin(tx, post.id, "faults", change.fault, change.since):
            return None
        alarms.fault_changed(tx, post, change)
        return tell(tx, post, FaultRaisedEvent, "fault_raised", change.at, data | {"snapshot": snapshot})
    if not watch_store.end(tx, post.id, "faults", change.fault):
        return None
    alarms.fault_changed(tx, post, change)
    data["lasted_s"] = change.lasted.total_seconds()
    return tell(tx, post, FaultClearedEvent, "fault_cleared", change.at, data)


def tell_motion(tx: Tx, post: Post, change: MotionStarted | MotionEnded) -> str | None:
    """Motion that began or ended in an area."""
    data: dict[str, Any] = {"area": change.area, "since": change.since}
    if isinstance(change, MotionStarted):
        if not watch_store.begin(tx, post.id, "moving", change.area, change.since):
            return None
        return tell(tx, post, MotionStartedEvent, "motion_started", change.at, data)
    if not watch_store.end(tx, post.id, "moving", change.area):
        return None
    return tell(tx, post, MotionEndedEvent, "motion_ended", change.at, data | {"last_at": change.last_at})


def tell_presence(tx: Tx, post: Post, change: PersonSeen | PersonGone, snapshot: str | None = None) -> str | None:
    """Somebody is in a forbidden area, or no longer."""
    data: dict[str, Any] = {"area": change.area, "since": change.since}
    if isinstance(change, PersonSeen):
        if not watch_store.begin(tx, post.id, "persons", change.area, change.since):
            return None
        alarms.person_changed(tx, post, change)
        return tell(tx, post, PersonSeenEvent, "person_seen", change.at, data | {"snapshot": snapshot})
    if not watch_store.end(tx, post.id, "persons", change.area):
        return None
    alarms.person_changed(tx, post, change)
    return tell(tx, post, PersonGoneEvent, "person_gone", change.at, data | {"last_at": change.last_at})


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

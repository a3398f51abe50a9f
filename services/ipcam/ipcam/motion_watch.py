"""Follows motion in the areas of the cameras held, by decoding or by the camera's own word, and tells when it begins and ends."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chassis import logs
from chassis.database import Database, is_away
from ipcam import watch_store
from ipcam.address import Source
from ipcam.domain.motion import MotionEnded, MotionStarted, MotionState, follow
from ipcam.domain.share import MotionShare
from ipcam.events import MotionEnded as MotionEndedEvent
from ipcam.events import MotionStarted as MotionStartedEvent
from ipcam.motion import Look, MotionFinder, MotionSink
from ipcam.posts import Post
from ipcam.roster import Roster
from ipcam.tidings import fenced, tell_motion

log = logs.get(__name__)
BY_CAMERA = "camera"
MOST_WAITING = 5000
Change = MotionStarted | MotionEnded
Step = Callable[[MotionState], tuple[MotionState, Change | None]]


@dataclass(frozen=True)
class _Seen:
    camera_id: str
    area: str
    step: Step


class MotionWatch:
    """Looks come from readers' threads and wait here; the watcher's own thread tells, so that no reader waits for a database."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        cores: float,
        told: Callable[[Post, str, datetime], None] = lambda post, event_id, since: None,
    ) -> None:
        self.database, self.roster, self.told = database, roster, told
        self.share = MotionShare(cores)
        self._seen: queue.Queue[_Seen] = queue.Queue(MOST_WAITING)

    def sink(self, source: Source) -> MotionSink | None:
        """What follows the camera's packets; None where motion is not asked for."""
        post = self.roster.posts.get(source.camera_id)
        asked = post.row.motion if post else None
        if asked is None:
            return None
        finder = MotionFinder(asked.get("areas") or None, asked.get("masks") or ())
        return MotionSink(source.camera_id, finder, self.share, self._look)

    def camera_says(self, camera_id: str, moving: bool) -> None:
        """The camera itself says over ONVIF that something moves, or no longer."""
        at = datetime.now(UTC)
        self._put(_Seen(camera_id, BY_CAMERA, lambda state: _said(state, moving, at)))

    def tell(self) -> None:
        """Take the looks that wait, in order."""
        while True:
            try:
                seen = self._seen.get_nowait()
            except queue.Empty:
                return
            post = self.roster.posts.get(seen.camera_id)
            if post is not None and not self.roster.maintained(post, datetime.now(UTC)):
                self._take(post, seen)

    def _look(self, camera_id: str, look: Look, at_s: float) -> None:
        if look.lit:
            return
        at = datetime.now(UTC)
        for area, share in look.shares.items():
            self._put(_Seen(camera_id, area, lambda state, share=share: follow(state, share, at)))  # type: ignore[misc]

    def _put(self, seen: _Seen) -> None:
        try:
            self._seen.put_nowait(seen)
        except queue.Full:
            log.warning("motion given up", camera=seen.camera_id)

    def _take(self, post: Post, seen: _Seen) -> None:
        state, change = seen.step(post.moving.get(seen.area) or MotionState(seen.area))
        if change is None:
            post.moving[seen.area] = state
            return
        try:
            with fenced(self.database, post) as tx:
                event_id = tell_motion(tx, replace_area(post, state), *_event(change))
            post.moving[seen.area] = state
            if isinstance(change, MotionStarted):
                self.told(post, event_id, change.since)
        except watch_store.LeaseLost:
            return
        except Exception as error:
            if not is_away(error):
                log.exception("motion could not be told", camera=post.id)


def replace_area(post: Post, state: MotionState) -> Post:
    """The post as it will be."""
    return replace(post, moving=post.moving | {state.area: state})


def _said(state: MotionState, moving: bool, at: datetime) -> tuple[MotionState, Change | None]:
    """A camera's own word needs no looks in a row."""
    if moving == state.moving:
        return (replace(state, last_at=at) if moving else state), None
    if moving:
        return MotionState(state.area, True, at, at, 1), MotionStarted(state.area, at, at)
    since = state.since or at
    return MotionState(state.area), MotionEnded(state.area, since, at, at, 0.0)


def _event(change: Change) -> tuple[Any, str, datetime, dict[str, Any]]:
    data: dict[str, Any] = {"area": change.area, "since": change.since}
    if isinstance(change, MotionStarted):
        return MotionStartedEvent, "motion_started", change.at, data
    return MotionEndedEvent, "motion_ended", change.at, data | {"last_at": change.last_at}

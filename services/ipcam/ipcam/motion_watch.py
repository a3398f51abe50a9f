"""Follows motion in the areas of the cameras held, by decoding or by the camera's own word, and tells when it begins and ends."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chassis import logs
from chassis.database import Database
from ipcam.address import Source
from ipcam.domain.motion import MotionEnded, MotionStarted, MotionState, follow
from ipcam.domain.share import MotionShare
from ipcam.motion import EVERYWHERE, Look, MotionFinder, MotionSink
from ipcam.posts import Post
from ipcam.roster import Roster
from ipcam.tidings import contained, fenced, tell_motion

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
                break
            post = self.roster.posts.get(seen.camera_id)
            if post is not None and not self.roster.maintained(post, datetime.now(UTC)):
                self._take(post, seen)
        at = datetime.now(UTC)
        for post in self.roster.posts.values():
            for area in _followed_no_longer(post):
                self._take(post, _Seen(post.id, area, lambda state: _said(state, False, at)))

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
        with contained(post, "motion"):
            with fenced(self.database, post) as tx:
                event_id = tell_motion(tx, post, change)
            post.moving[seen.area] = state
            if event_id and isinstance(change, MotionStarted):
                self.told(post, event_id, change.since)


def _followed_no_longer(post: Post) -> list[str]:
    """Areas where something moved when they were taken out of the registry: no look will ever say that it stopped."""
    asked = set() if post.row.motion is None else set(post.row.motion.get("areas") or (EVERYWHERE,))
    asked |= {BY_CAMERA} if post.row.onvif_url else set()
    return [area for area, state in post.moving.items() if state.moving and area not in asked]


def _said(state: MotionState, moving: bool, at: datetime) -> tuple[MotionState, Change | None]:
    """A camera's own word needs no looks in a row."""
    if moving == state.moving:
        return (replace(state, last_at=at) if moving else state), None
    if moving:
        return MotionState(state.area, True, at, at, 1), MotionStarted(state.area, at, at)
    since = state.since or at
    return MotionState(state.area), MotionEnded(state.area, since, at, at, 0.0)

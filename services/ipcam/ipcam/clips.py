"""The seconds around an event as a clip: reserved at once, cut from the packet ring when its last second has come."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import UTC, datetime

from chassis import logs
from chassis.context import new_id
from chassis.database import Database
from ipcam.address import Source
from ipcam.posts import Post
from ipcam.recorder import Job, Recorder, reserve_for_event
from ipcam.ring import PacketRing
from ipcam.settings import RetentionSettings, WatchingSettings
from ipcam.tidings import fenced

log = logs.get(__name__)
LONGEST_GOP_S = 10.0
REST_S = 30.0


@dataclasses.dataclass(frozen=True)
class _Wanted:
    job: Job
    due_s: float


class Clips:
    """One ring for each camera held. Of a camera that is never at rest one clip in REST_S is made."""

    def __init__(
        self, database: Database, recorder: Recorder, settings: WatchingSettings, retention: RetentionSettings
    ) -> None:
        self.database, self.recorder, self.settings, self.retention = database, recorder, settings, retention
        self._rings: dict[str, PacketRing] = {}
        self._waiting: list[_Wanted] = []
        self._rested_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def ring(self, source: Source) -> PacketRing:
        """The ring of a camera that is about to be read."""
        seconds = self.settings.clip_before_s + self.settings.clip_after_s + LONGEST_GOP_S
        ring = PacketRing(seconds, self.settings.clip_bytes)
        with self._lock:
            self._rings[source.camera_id] = ring
        return ring

    def forget(self, held: set[str]) -> None:
        """Let go of the rings of cameras that are held no longer."""
        with self._lock:
            self._rings = {camera_id: ring for camera_id, ring in self._rings.items() if camera_id in held}

    def want(self, post: Post, event_id: str, since: datetime) -> None:
        """A clip of what happened at `since`. Raises LeaseLost, and what the database raises."""
        now_s, ring = time.monotonic(), self._rings.get(post.id)
        if ring is None or now_s < self._rested_s.get(post.id, 0.0):
            return
        self._rested_s[post.id] = now_s + REST_S
        event_s = now_s - max(0.0, (datetime.now(UTC) - since).total_seconds())
        from_s, to_s = event_s - self.settings.clip_before_s, event_s + self.settings.clip_after_s
        recording_id = new_id()
        with fenced(self.database, post) as tx:
            reserve_for_event(tx, post, recording_id, event_id, since, "clip", self.retention.event_days)
        job = Job(recording_id, post.id, post.row.site, lambda: ring.clip(from_s, to_s))
        with self._lock:
            self._waiting.append(_Wanted(job, to_s))

    def collect(self, everything: bool = False) -> None:
        """Hand over the clips whose last second has come."""
        now_s = time.monotonic()
        with self._lock:
            due = [wanted for wanted in self._waiting if everything or wanted.due_s <= now_s]
            self._waiting = [wanted for wanted in self._waiting if wanted not in due]
        for wanted in due:
            self.recorder.accept(wanted.job)

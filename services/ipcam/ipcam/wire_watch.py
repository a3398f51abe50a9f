"""Judges the health of the cameras held by what comes over the wire, and tells each change once."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable
from typing import Any

from chassis import logs
from chassis.database import Database
from ipcam import alarms, watch_store
from ipcam.domain.health import Patience, Status, watch
from ipcam.domain.wire import WireLimits, WireReading, judge
from ipcam.posts import Post
from ipcam.roster import Roster
from ipcam.stream import Fleet
from ipcam.tidings import contained, fenced, tell_health

log = logs.get(__name__)


class WireWatch:
    """Health lives in memory while a camera is held; it moves on only with the commit that tells it."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        fleet: Fleet,
        told: Callable[[Post, str, datetime.datetime], None],
        patience: Patience,
        limits: WireLimits,
    ) -> None:
        self.database, self.roster, self.fleet, self.told = database, roster, fleet, told
        self.patience, self.limits = patience, limits

    def look(self) -> None:
        """One look at every camera held."""
        readings = self.fleet.readings()
        for post in list(self.roster.posts.values()):
            reading = readings.get(post.id)
            # A reader that has only just begun knows nothing yet: not even that the camera does not answer.
            if reading is not None and (reading.connects or reading.failure):
                self._look(post, reading)

    def _look(self, post: Post, reading: WireReading) -> None:
        if post.codec_accepted and (reader := self.fleet.reader(post.id)) is not None:
            post.codec_accepted = False
            reader.accept_codec()
        at = datetime.datetime.now(datetime.UTC)
        planned = self.roster.maintained(post, at) is not None
        health, changed = watch(post.health, judge(reading, time.monotonic(), self.limits), at, self.patience)
        with contained(post, "health"):
            if changed is None:
                post.health = health
                self._end_silence(post, planned, at)
                return
            with fenced(self.database, post) as tx:
                event_id = tell_health(tx, post, health, changed, planned)
            post.health = health
            if event_id and changed.status is Status.OFFLINE:
                self.told(post, event_id, changed.since)
            log.info("camera", camera=post.id, status=changed.status, reason=changed.reason)

    def _end_silence(self, post: Post, planned: bool, at: datetime.datetime) -> None:
        if not post.silenced or planned:
            return
        with fenced(self.database, post) as tx:
            if post.health.status not in (Status.ONLINE, Status.UNKNOWN):
                alarms.maintenance_over(tx, post, at)
            watch_store.unsilence(tx, post.id)
        post.silenced = False

    def record(self) -> None:
        """Keep what the wire of every camera looks like."""
        posts = self.roster.posts
        rows = [
            {"camera_id": camera_id, "epoch": posts[camera_id].epoch, "value": described(reading)}
            for camera_id, reading in self.fleet.readings().items()
            if camera_id in posts and reading.connects
        ]
        if rows:
            with self.database.transaction() as tx:
                watch_store.record_seen(tx, self.roster.name, rows)


def described(reading: WireReading) -> dict[str, Any]:
    """The measurement as it is shown: no times of our own clock."""
    shown = dataclasses.asdict(reading)
    for name in ("failed_since_s", "last_video_s", "last_audio_s"):
        shown.pop(name)
    return {name: round(value, 2) if isinstance(value, float) else value for name, value in shown.items()}

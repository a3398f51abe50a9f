"""The process that watches cameras: holds its share of them, reads them without decoding, judges, looks, and tells."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import cv2
from prometheus_client import Gauge

from chassis import logs, objects
from chassis.database import Database, is_away
from chassis.settings import read
from ipcam import alarms, retention
from ipcam.address import AddressRefused, Source
from ipcam.analyst import Analyst
from ipcam.clips import Clips
from ipcam.credentials import Safe
from ipcam.domain.clock import Drift
from ipcam.domain.health import Patience, Status
from ipcam.domain.leases import Terms
from ipcam.domain.presence import PresenceRule
from ipcam.domain.wire import WireLimits
from ipcam.motion_watch import MotionWatch
from ipcam.onvif import OnvifAddress, OnvifEvent
from ipcam.onvif_watch import OnvifWatch
from ipcam.person_watch import PersonWatch
from ipcam.persons import HogPersonFinder
from ipcam.picture_watch import PictureWatch
from ipcam.posts import Post
from ipcam.recorder import Recorder
from ipcam.roster import Posts, Roster
from ipcam.settings import CredentialSettings, PictureSettings, RetentionSettings, WatchingSettings
from ipcam.stream import Fleet, PacketSink, Reading
from ipcam.wire_watch import WireWatch

log = logs.get(__name__)
TICK_S = 0.5
CAMERAS = Gauge("ioc_ipcam_cameras", "Cameras that this watcher holds, by what is believed of them", ["status"])
WAIT_SECONDS = Gauge("ioc_ipcam_picture_wait_seconds", "Longest time since a camera's picture was looked at")
PICTURE_CORES = Gauge("ioc_ipcam_picture_cores", "Cores that looking at pictures takes")
DEGRADED = Gauge("ioc_ipcam_picture_degraded", "1 while cameras are looked at less often than asked")


class Watcher:
    """One process, many cameras; several share them."""

    def __init__(
        self,
        database: Database,
        safe: Safe,
        settings: WatchingSettings,
        keeping: RetentionSettings,
        keep: objects.Keep | None,
    ) -> None:
        self.database, self.settings, self.keeping, self.keep = database, settings, keeping, keep
        self.stopping = threading.Event()
        self._motion: dict[str, Any] = {}
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        terms = Terms(timedelta(seconds=settings.lease_s), timedelta(seconds=settings.renew_every_s))
        self.recorder = Recorder(database, keep)
        self.clips = Clips(database, self.recorder, settings, keeping)
        how = Reading(
            silent_s=settings.silent_s, refused_s=settings.refused_wait_s, backoff_most_s=settings.retry_most_s
        )
        self.fleet = Fleet(how, self._sinks, spread_s=2.0)
        self.roster = Roster(database, self.name, safe, terms, settings.capacity or None, self._hold, self._leave)
        self.wire = WireWatch(
            database, self.roster, self.fleet, self._told, _patience(settings), WireLimits(settings.silent_s)
        )
        self.pictures = PictureWatch(database, self.roster, self.recorder, keeping, self._told, self._clock)
        self.motion = MotionWatch(database, self.roster, settings.motion_cores, self._told)
        self.onvif = OnvifWatch(self._heard, settings.onvif_clock_s)
        self.analyst = Analyst(self.fleet, self.pictures.look, settings.picture_every_s, settings.picture_cores)
        rule = PresenceRule(quiet=timedelta(seconds=settings.person_quiet_s))
        self.persons = PersonWatch(database, self.roster, self.recorder, keeping, HogPersonFinder(), rule, self._told)
        self.seeker = Analyst(
            self.persons.where(self.fleet), self.persons.look, settings.person_every_s, settings.person_cores
        )

    def run(self) -> None:
        """Watch until told to stop, then give the cameras up at once."""
        self.analyst.start()
        self.seeker.start()
        self.recorder.start()
        if self.settings.onvif:
            self.onvif.start()
        for job in (self._guard, self._keep_house):
            threading.Thread(target=job, daemon=True).start()
        due = _Due()
        while not self.stopping.is_set():
            due.every("lease", self.settings.renew_every_s, lambda: self.roster.tend(self.state()))
            due.every("health", 1.0, self.wire.look)
            due.every("motion", TICK_S, self.motion.tell)
            due.every("thumbnails", 2.0, self.pictures.record)
            due.every("wire", self.settings.wire_every_s, self.wire.record)
            due.every("clips", 1.0, self.clips.collect)
            self.stopping.wait(TICK_S)
        self.analyst.stop()
        self.seeker.stop()
        _tried("leaving", self.roster.close)
        self.onvif.stop()
        self.clips.collect(everything=True)
        self.fleet.stop()
        self.recorder.stop()

    def state(self) -> dict[str, Any]:
        """How this watcher fares: its cameras, and how far its CPU budget goes."""
        share, persons = self.analyst.state(), self.seeker.state()
        posts = list(self.roster.posts.values())
        for status in Status:
            CAMERAS.labels(status).set(sum(post.health.status == status for post in posts))
        WAIT_SECONDS.set(share.actual_s)
        PICTURE_CORES.set(share.used_cores)
        DEGRADED.set(share.degraded)
        return {
            "cameras": len(posts),
            "picture_wanted_s": share.wanted_s,
            "picture_actual_s": round(share.actual_s, 1),
            "picture_used_cores": round(share.used_cores, 3),
            "picture_budget_cores": share.budget_cores,
            "picture_degraded": share.degraded,
            "person_cameras": persons.cameras,
            "person_actual_s": round(persons.actual_s, 1),
            "person_used_cores": round(persons.used_cores, 3),
            "person_budget_cores": persons.budget_cores,
        }

    def _hold(self, posts: Posts) -> None:
        """Read exactly these cameras; one whose address cannot be used is held, and said to be so, but not read."""
        sources = []
        for post in posts.values():
            try:
                sources.append(post.source())
            except AddressRefused as error:
                log.warning("camera cannot be read", camera=post.id, reason=str(error))
        motion = {post.id: post.row.motion for post in posts.values()}
        followed_anew = {name for name, asked in motion.items() if self._motion.get(name, asked) != asked}
        if followed_anew:  # a camera is given its motion finder when its reader begins
            self.fleet.hold(source for source in sources if source.camera_id not in followed_anew)
        self._motion = motion
        self.fleet.hold(sources)
        self.clips.forget(set(posts))

        if self.settings.onvif:
            self.onvif.hold({post.id: address for post in posts.values() if (address := _onvif(post))})

    def _sinks(self, source: Source) -> list[PacketSink]:
        motion = self.motion.sink(source)
        return [self.clips.ring(source), *([motion] if motion else [])]

    def _heard(self, camera_id: str, event: OnvifEvent) -> None:
        """What a camera itself noticed; told by the watcher's own threads."""
        if event.kind == "motion":
            self.motion.camera_says(camera_id, event.active)
        else:
            self.pictures.camera_says(camera_id, event.active)

    def _told(self, post: Post, event_id: str, since: datetime) -> None:
        """An event was told that a clip should show."""
        if self.keep is not None:
            _tried("clip", lambda: self.clips.want(post, event_id, since))

    def _leave(self, tx: Any, posts: Any) -> None:
        self.pictures.leave(tx, posts)

    def _clock(self, camera_id: str) -> Drift | None:
        """By ONVIF where the camera has it, for that is what it writes into its picture; else by its RTCP reports."""
        post = self.roster.posts.get(camera_id)
        if self.settings.onvif and post is not None and post.row.onvif_url:
            return self.onvif.drift(camera_id)
        reader = self.fleet.reader(camera_id)
        ahead_s = reader.reading().clock_ahead_s if reader else None
        return None if ahead_s is None else Drift(timedelta(seconds=ahead_s), timedelta(seconds=1))

    def _guard(self) -> None:
        """A lease runs out by our own clock even while the database keeps us waiting."""
        while not self.stopping.wait(1.0):
            self.roster.expire()

    def _keep_house(self) -> None:
        due = _Due()
        while not self.stopping.wait(TICK_S):
            due.every("letters", 1.0, self._write_letters)
            due.every("retention", self.keeping.sweep_every_s, self._sweep)

    def _write_letters(self) -> None:
        while alarms.send(self.database, self.settings.letter_every_s, self.settings.letter_wait_s):
            pass

    def _sweep(self) -> None:
        if self.keep is not None:
            retention.sweep(self.database, self.keep)


def _patience(settings: WatchingSettings) -> Patience:
    seconds = (settings.offline_after_s, settings.degraded_after_s, settings.recovered_after_s)
    return Patience(*(timedelta(seconds=one) for one in seconds))


def _onvif(post: Post) -> OnvifAddress | None:
    try:
        return post.onvif()
    except ValueError:
        return None


class _Due:
    """Does things every so often; what fails is tried again a second later."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def every(self, name: str, seconds: float, job: Callable[[], None]) -> None:
        """Do it if it is time."""
        now = time.monotonic()
        if now >= self._next.get(name, 0.0):
            self._next[name] = now + (seconds if _tried(name, job) else min(seconds, 1.0))


def _tried(name: str, job: Callable[[], None]) -> bool:
    try:
        job()
        return True
    # Wide on purpose: a job that fails is tried again, and the others go on meanwhile.
    except Exception as error:
        if is_away(error):
            log.warning("database away", job=name)
        else:
            log.exception("failed", job=name)
        return False


def build(database: Database) -> Watcher:
    """The watcher of this process, from its environment."""
    cv2.setNumThreads(1)
    keep = objects.open_keep(read(PictureSettings).folder, read(objects.ObjectSettings))
    safe = Safe(read(CredentialSettings).key)
    return Watcher(database, safe, read(WatchingSettings), read(RetentionSettings), keep)

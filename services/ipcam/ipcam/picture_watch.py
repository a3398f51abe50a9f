"""Looks at key frames: raises and clears faults of the picture and of the clock, and keeps the small picture for the mosaic."""

from __future__ import annotations

import base64
import datetime
import threading
from collections.abc import Callable, Iterable
from typing import Any

from chassis import logs
from chassis.context import new_id
from chassis.database import Database, Tx
from ipcam import watch_store
from ipcam.domain.clock import Drift, drifts
from ipcam.domain.faults import Fault, FaultCleared, FaultRaised, FaultState, Hysteresis, look
from ipcam.media import KeyPicture, decode, grey, jpeg, small_jpeg
from ipcam.posts import Post
from ipcam.recorder import Job, Recorder, arrived_at, reserve_for_event
from ipcam.reference import LEARN_LOOKS
from ipcam.roster import Roster
from ipcam.settings import RetentionSettings
from ipcam.tidings import contained, fenced, tell_fault
from ipcam.vision import PICTURE_FAULTS

log = logs.get(__name__)
KEEP_EVERY_LOOKS = 30
USUAL = Hysteresis()
AT_ITS_WORD = Hysteresis(raise_samples=1, clear_samples=1)
Told = Callable[[Post, str, datetime.datetime], None]


class PictureWatch:
    """Called by the analyst, in its thread. A fault's state moves on only with the commit that tells it."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        recorder: Recorder,
        retention: RetentionSettings,
        told: Told = lambda post, event_id, at: None,
        clock_of: Callable[[str], Drift | None] = lambda camera_id: None,
    ) -> None:
        self.database, self.roster, self.recorder, self.retention = database, roster, recorder, retention
        self.told, self.clock_of = told, clock_of
        self._tampered: dict[str, bool] = {}
        self._thumbnails: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def camera_says(self, camera_id: str, tampered: bool) -> None:
        """The camera itself says that it is covered or turned; told with its next picture, so that a database that is away
        keeps nobody waiting."""
        self._tampered[camera_id] = tampered

    def look(self, camera_id: str, frame: Any | None, key: KeyPicture) -> None:
        """One look at a camera; under maintenance it is shown and not judged, because somebody works on it."""
        post, at = self.roster.posts.get(camera_id), datetime.datetime.now(datetime.UTC)
        if post is None:
            return
        if frame is not None:
            self._show(post, frame, key)
        if self.roster.maintained(post, at):
            return
        if frame is not None:
            judgement = post.judge.look(grey(frame))
            for fault in PICTURE_FAULTS:
                self._sight(post, fault, judgement.shows(fault), at, key)
            self._keep_reference(post)
        self._sight(post, Fault.TAMPERED, self._tampered.get(camera_id), at, key, AT_ITS_WORD)
        drift = self.clock_of(camera_id)
        rule = AT_ITS_WORD if post.row.onvif_url else USUAL
        self._sight(post, Fault.CLOCK_DRIFT, None if drift is None else drifts(drift), at, None, rule)

    def _show(self, post: Post, frame: Any, key: KeyPicture) -> None:
        """Keep the small picture for the mosaic."""
        picture = {"at": arrived_at(key).isoformat(), "jpeg": base64.b64encode(small_jpeg(frame)).decode()}
        with self._lock:
            self._thumbnails[post.id] = {"camera_id": post.id, "epoch": post.epoch, "value": picture}

    def _sight(
        self,
        post: Post,
        fault: Fault,
        shows: bool | None,
        at: datetime.datetime,
        key: KeyPicture | None,
        rule: Hysteresis = USUAL,
    ) -> None:
        """Take one look at one fault, and tell when it is raised or cleared."""
        state, change = look(post.faults[fault], shows, at, rule)
        if change is None:
            post.faults[fault] = state
        else:
            self._tell(post, state, change, key)

    def _tell(self, post: Post, state: FaultState, change: FaultRaised | FaultCleared, key: KeyPicture | None) -> None:
        raised = isinstance(change, FaultRaised)
        picture = _jpeg(key) if raised and key is not None else None
        recording_id = new_id() if picture is not None else None
        with contained(post, "fault"):
            with fenced(self.database, post) as tx:
                event_id = tell_fault(tx, post, change, recording_id)
                if event_id and recording_id and key is not None:
                    days = self.retention.event_days
                    reserve_for_event(tx, post, recording_id, event_id, arrived_at(key), "snapshot", days)
            post.faults[change.fault] = state
            log.info("fault", camera=post.id, fault=change.fault, raised=raised)
            if event_id and recording_id:
                self.recorder.accept(Job(recording_id, post.id, post.row.site, lambda: picture))
            if event_id and raised:
                self.told(post, event_id, change.since)

    def record(self) -> None:
        """Keep the small pictures that came since the last time."""
        with self._lock:
            rows, self._thumbnails = list(self._thumbnails.values()), {}
        if rows:
            with self.database.transaction() as tx:
                watch_store.keep_thumbnails(tx, self.roster.name, rows)

    def leave(self, tx: Tx, posts: Iterable[Post]) -> None:
        """Keep what was learned of cameras that are given up; what nobody learned is not kept."""
        for post in posts:
            reference = post.judge.reference
            if reference is not None and reference.looks >= LEARN_LOOKS:
                watch_store.keep_reference(tx, post.id, reference.to_bytes(), post.row.relearn)

    def _keep_reference(self, post: Post) -> None:
        """When it is learned, and now and then: a watcher that is killed should leave its knowledge behind."""
        reference = post.judge.reference
        if reference is None or reference.looks < LEARN_LOOKS:
            post.kept_looks = 0
            return
        if post.kept_looks and reference.looks - post.kept_looks < KEEP_EVERY_LOOKS:
            return
        with contained(post, "reference"):
            with fenced(self.database, post) as tx:
                watch_store.keep_reference(tx, post.id, reference.to_bytes(), post.row.relearn)
            post.kept_looks = reference.looks


def _jpeg(key: KeyPicture) -> bytes | None:
    frame = decode(key)
    return None if frame is None else jpeg(frame)

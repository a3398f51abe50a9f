"""Looks at key frames: raises and clears faults of the picture and of the clock, and keeps the small picture for the mosaic."""

from __future__ import annotations

import base64
import datetime
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from chassis import logs
from chassis.context import new_id
from chassis.database import Database, Tx, is_away
from ipcam import recording_store, watch_store
from ipcam.domain.clock import Drift, drifts
from ipcam.domain.faults import Fault, FaultRaised, Hysteresis, look
from ipcam.media import Grey, KeyPicture, decode, jpeg, small_jpeg
from ipcam.posts import Post
from ipcam.recorder import Job, Recorder
from ipcam.roster import Roster
from ipcam.settings import RetentionSettings
from ipcam.tidings import fenced, tell_fault
from ipcam.vision import LEARN_LOOKS, PICTURE_FAULTS

log = logs.get(__name__)
DAY_S = 86400.0
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
        self._lock, self._telling = threading.Lock(), threading.Lock()

    def show(self, camera_id: str, frame: Any, key: KeyPicture) -> None:
        """Keep the small picture of a frame that was just decoded."""
        post = self.roster.posts.get(camera_id)
        if post is None:
            return
        picture = {"at": _moment(key).isoformat(), "jpeg": base64.b64encode(small_jpeg(frame)).decode()}
        with self._lock:
            self._thumbnails[camera_id] = {"camera_id": camera_id, "epoch": post.epoch, "value": picture}

    def camera_says(self, camera_id: str, tampered: bool) -> None:
        """The camera itself says that it is covered or turned; told with its next picture, so that a database that is away
        keeps nobody waiting."""
        self._tampered[camera_id] = tampered

    def look(self, camera_id: str, picture: Grey | None, key: KeyPicture) -> None:
        """One look at a camera; under maintenance it is not judged, because somebody works on it."""
        post, at = self.roster.posts.get(camera_id), datetime.datetime.now(datetime.UTC)
        if post is None or self.roster.maintained(post, at):
            return
        try:
            if picture is not None:
                judgement = post.judge.look(picture)
                for fault in PICTURE_FAULTS:
                    self.sight(post, fault, judgement.shows(fault), at, key)
                self._keep_reference(post)
            self.sight(post, Fault.TAMPERED, self._tampered.get(camera_id), at, key, AT_ITS_WORD)
            drift = self.clock_of(camera_id)
            rule = AT_ITS_WORD if post.row.onvif_url else USUAL
            self.sight(post, Fault.CLOCK_DRIFT, None if drift is None else drifts(drift), at, None, rule)
        except Exception:
            log.exception("look failed", camera=camera_id)

    def sight(
        self,
        post: Post,
        fault: Fault,
        shows: bool | None,
        at: datetime.datetime,
        key: KeyPicture | None,
        rule: Hysteresis = USUAL,
    ) -> None:
        """Take one look at one fault, and tell when it is raised or cleared."""
        with self._telling:
            self._sight(post, fault, shows, at, key, rule)

    def _sight(
        self,
        post: Post,
        fault: Fault,
        shows: bool | None,
        at: datetime.datetime,
        key: KeyPicture | None,
        rule: Hysteresis,
    ) -> None:
        state, change = look(post.faults[fault], shows, at, rule)
        if change is None:
            post.faults[fault] = state
            return
        picture = _jpeg(key) if isinstance(change, FaultRaised) and key is not None else None
        recording_id = new_id() if picture is not None else None
        try:
            with fenced(self.database, post) as tx:
                event_id = tell_fault(tx, post, change, recording_id)
                if recording_id and key is not None:
                    self._reserve(tx, post, recording_id, event_id, _moment(key))
        except watch_store.LeaseLost:
            return
        except Exception as error:
            if not is_away(error):
                log.exception("fault could not be told", camera=post.id)
            return
        post.faults[fault] = state
        log.info("fault", camera=post.id, fault=fault, raised=state.raised)
        if recording_id:
            self.recorder.accept(Job(recording_id, post.id, post.row.site, lambda: picture))
        if isinstance(change, FaultRaised):
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

    def _reserve(self, tx: Tx, post: Post, recording_id: str, event_id: str, at: datetime.datetime) -> None:
        recording_store.reserve(
            tx,
            recording_id,
            post.id,
            kind="snapshot",
            kept_as="event",
            event_id=event_id,
            taken_at=at,
            taken_by=post.worker,
            media_type="image/jpeg",
            keep_s=self.retention.event_days * DAY_S,
        )

    def _keep_reference(self, post: Post) -> None:
        """When it is learned, and now and then: a watcher that is killed should leave its knowledge behind."""
        reference = post.judge.reference
        if reference is None or reference.looks < LEARN_LOOKS:
            post.kept_looks = 0
            return
        if post.kept_looks and reference.looks - post.kept_looks < KEEP_EVERY_LOOKS:
            return
        try:
            with fenced(self.database, post) as tx:
                watch_store.keep_reference(tx, post.id, reference.to_bytes(), post.row.relearn)
            post.kept_looks = reference.looks
        except watch_store.LeaseLost:
            return
        except Exception as error:
            if not is_away(error):
                raise


def _moment(key: KeyPicture) -> datetime.datetime:
    """When the picture arrived, by the wall clock."""
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=time.monotonic() - key.at_s)


def _jpeg(key: KeyPicture) -> bytes | None:
    frame = decode(key)
    return None if frame is None else jpeg(frame)

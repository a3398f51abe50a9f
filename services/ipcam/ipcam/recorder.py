"""Puts pictures and clips into the object store: what was reserved is kept in the background, and announced when it is there."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import queue
import threading
import time
from collections.abc import Callable

from chassis import logs, objects
from chassis.context import Context, new_id, running
from chassis.database import Database, Tx, is_away
from chassis.outbox import announce
from ipcam import recording_store, watch_store
from ipcam.events import SnapshotTaken
from ipcam.media import KeyPicture
from ipcam.posts import Post

log = logs.get(__name__)
ATTEMPTS = 6
WAITING = 200
DAY_S = 86400.0
MEDIA = {"snapshot": "image/jpeg", "clip": "video/mp4"}


@dataclasses.dataclass(frozen=True)
class Job:
    """Bytes to be made and kept. `make` gives None when there is nothing after all; it runs in the recorder's thread."""

    recording_id: str
    camera_id: str
    site: str
    make: Callable[[], bytes | None]


class Recorder:
    """One thread that keeps what it is given; when too much waits, the newest is given up, openly (state `lost`)."""

    def __init__(self, database: Database, keep: objects.Keep | None) -> None:
        self.database, self.keep = database, keep
        self._jobs: queue.Queue[Job | None] = queue.Queue(WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = 10.0) -> None:
        """Finish what waits, as far as the time allows."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join(wait_s)

    def accept(self, job: Job) -> bool:
        """Take a job whose recording is reserved and committed; False when there is no room."""
        try:
            self._jobs.put_nowait(job)
            return True
        except queue.Full:
            log.warning("recording given up", recording=job.recording_id)
            return False

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            for attempt in range(ATTEMPTS):
                if self._done(job):
                    break
                self._stopping.wait(min(30.0, 2.0**attempt))
            else:
                self._give_up(job)

    def _done(self, job: Job) -> bool:
        try:
            data = job.make()
            if data is None or self.keep is None:
                self._give_up(job)
                return True
            store(self.database, self.keep, job.recording_id, job.site, data)
            return True
        # Wide on purpose: PyAV, a disk and an S3 server fail in many ways, and the recordings behind this one wait for the thread.
        except Exception as error:
            if not (isinstance(error, OSError) or is_away(error)):
                log.exception("recording failed", recording=job.recording_id)
            return False

    def _give_up(self, job: Job) -> None:
        try:
            with self.database.transaction() as tx:
                recording_store.lost(tx, job.recording_id)
        # Wide on purpose, as above; it stays `reserved`, and retention calls it lost an hour later.
        except Exception:
            log.exception("recording lost", recording=job.recording_id)


def reserve_for_event(
    tx: Tx, post: Post, recording_id: str, event_id: str, at: datetime.datetime, kind: str, keep_days: float
) -> None:
    """Say that a picture or a clip (`kind`) of an event is coming; `at` is when it was taken."""
    recording_store.reserve(
        tx,
        recording_id,
        post.id,
        kind=kind,
        kept_as="event",
        event_id=event_id,
        taken_at=at,
        taken_by=post.worker,
        media_type=MEDIA[kind],
        keep_s=keep_days * DAY_S,
    )


def arrived_at(key: KeyPicture) -> datetime.datetime:
    """When the picture arrived, by the wall clock."""
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=time.monotonic() - key.at_s)


def store(database: Database, keep: objects.Keep, recording_id: str, site: str, data: bytes) -> None:
    """Put the bytes, then say so; may be repeated."""
    objects.put_bytes(keep, data, recording_id)
    with running(Context(new_id())), database.transaction() as tx:
        note_kept(tx, recording_id, site, data)


def note_kept(tx: Tx, recording_id: str, site: str, data: bytes) -> None:
    """The bytes are there: hash, history, event."""
    row = recording_store.kept(tx, recording_id, len(data), hashlib.sha256(data).hexdigest())
    if row is None:
        return
    at = datetime.datetime.now(datetime.UTC)
    taken = {name: getattr(row, name) for name in ("kind", "event_id", "sha256", "taken_at")} | {"snapshot": row.id}
    event_id = announce(tx, SnapshotTaken, row.camera, taken | {"camera": row.camera, "site": site, "at": at}, at)
    watch_store.add_line(tx, row.camera, "snapshot_taken", at, event_id=event_id, data=taken)

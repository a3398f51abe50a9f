"""Which cameras this watcher holds: takes its fair share through PostgreSQL, and lets go before anybody else may take."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chassis import logs
from chassis.database import Database, Tx
from chassis.outbox import announce
from ipcam import watch_store
from ipcam.credentials import Safe
from ipcam.domain.leases import Moves, Terms, alive, moves
from ipcam.domain.maintenance import Window, planned
from ipcam.events import LeaseMoved
from ipcam.posts import Post, taken

log = logs.get(__name__)
Posts = Mapping[str, Post]


class Roster:
    """`posts` are the cameras held now; it is replaced, never changed, so that any thread may read it.

    `changed` is called with it whenever it is another. A camera is dropped here before its lease is given up, and before
    a lease that could not be renewed runs out by our own clock, so that no two watchers ever read the same camera.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        safe: Safe,
        terms: Terms,
        capacity: int | None,
        changed: Callable[[Posts], None],
        leave: Callable[[Tx, Iterable[Post]], None] = lambda tx, posts: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database, self.name, self.safe, self.terms, self.capacity = database, name, safe, terms, capacity
        self.changed, self.leave, self.clock = changed, leave, clock
        self.posts: Posts = {}
        self.until_s = clock()
        self._lock = threading.Lock()
        self._windows: dict[str, list[Window]] = {}

    def tend(self, state: Mapping[str, Any]) -> None:
        """Say that we live; release, renew and take what the fair share asks for."""
        lasts_s, began_s = self.terms.lasts.total_seconds(), self.clock()
        with self.database.transaction() as tx:
            plan = self._plan(tx, state)
            leaving = [self.posts[camera] for camera in plan.release if camera in self.posts]
            self._hold({camera: post for camera, post in self.posts.items() if camera not in plan.release})
            self.leave(tx, leaving)
            watch_store.release(tx, self.name, plan.release)
            held = watch_store.renew(tx, self.name, plan.keep, lasts_s)
            for row in watch_store.take(tx, self.name, plan.take, lasts_s):
                held[row.camera_id] = row.epoch
                self._note_move(tx, row)
            rows = watch_store.posts(tx, held)
            fresh = [row.id for row in rows if not self._known(row.id, held[row.id])]
            known = {row.id: row for row in watch_store.believed(tx, fresh)}
            windows = watch_store.windows(tx)
        self._windows = _by_site(windows)
        self._hold({row.id: self._post(row, held[row.id], known.get(row.id)) for row in rows})
        self.until_s = began_s + lasts_s

    def expire(self) -> None:
        """Drop everything once our leases have run out unrenewed."""
        if self.posts and self.clock() >= self.until_s:
            log.warning("leases ran out", cameras=len(self.posts))
            self._hold({})

    def close(self) -> None:
        """Stop, then give everything up."""
        posts = list(self.posts.values())
        self._hold({})
        with self.database.transaction() as tx:
            self.leave(tx, posts)
            watch_store.check_out(tx, self.name)

    def maintained(self, post: Post, at: datetime.datetime) -> Window | None:
        """The maintenance that the camera is under."""
        return planned(self._windows.get(post.row.site, ()), post.id, at)

    def _plan(self, tx: Tx, state: Mapping[str, Any]) -> Moves:
        watch_store.check_in(tx, self.name, state)
        seen = watch_store.watchers(tx)
        now = seen[0].now
        living = alive({row.name: row.seen_at for row in seen}, now, self.terms)
        return moves(watch_store.leases(tx), living, self.name, now, self.capacity)

    def _known(self, camera_id: str, epoch: int) -> bool:
        post = self.posts.get(camera_id)
        return post is not None and post.epoch == epoch

    def _post(self, row: Any, epoch: int, known: Any) -> Post:
        if known is not None:
            return taken(row, known, self.name, epoch, self.safe)
        post = self.posts[row.id]
        if row.relearn != post.row.relearn:
            post.judge.relearn()
            post.codec_accepted = True
        if row.credentials != post.row.credentials:
            post.account = self.safe.unlock(row.credentials)
        post.row, post.silenced = row, row.silenced
        return post

    def _hold(self, posts: Posts) -> None:
        with self._lock:
            self.posts = posts
            self.changed(posts)

    def _note_move(self, tx: Tx, row: Any) -> None:
        """The first watcher of a camera takes it from nobody; one that got its own back took it from nobody either."""
        if row.former in (None, self.name):
            return
        at = datetime.datetime.now(datetime.UTC)
        moved = {"was": row.former, "watcher": self.name, "epoch": row.epoch}
        event_id = announce(
            tx, LeaseMoved, row.camera_id, moved | {"camera": row.camera_id, "site": row.site, "at": at}, at
        )
        watch_store.add_line(
            tx, row.camera_id, "lease_moved", at, event_id=event_id, worker=self.name, epoch=row.epoch, data=moved
        )


def _by_site(rows: Iterable[Any]) -> dict[str, list[Window]]:
    windows: dict[str, list[Window]] = {}
    for row in rows:
        windows.setdefault(row.site, []).append(Window(row.starts_at, row.ends_at, row.reason, row.camera_id))
    return windows

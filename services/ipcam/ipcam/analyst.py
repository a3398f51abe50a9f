"""Looks at the key frames of many cameras in one thread, in fair turns, within a measured CPU budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from chassis import logs
from ipcam.domain.share import PictureShare, ShareState
from ipcam.media import KeyPicture, decode

log = logs.get(__name__)


class Keys(Protocol):
    """Where the latest key frame of each camera is found (a Fleet)."""

    def keys(self) -> dict[str, KeyPicture]:
        """The latest key frame of every camera that has one."""


class Analyst:
    """Calls `look(camera_id, frame or None, key picture)` about every `every_s` for each camera; None: the bytes are no picture.
    When the budget is spent cameras wait longer, all alike, and `state` says so."""

    def __init__(
        self,
        keys: Keys,
        look: Callable[[str, Any | None, KeyPicture], None],
        every_s: float = 10.0,
        budget_cores: float = 0.5,
    ) -> None:
        self._keys, self._look = keys, look
        self._share = PictureShare(every_s, budget_cores)
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="analyst", daemon=True)
        self.failures = 0

    def start(self) -> None:
        """Begins to look; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = 5.0) -> bool:
        """Finishes the look in hand; True when the thread has ended."""
        self._stopping.set()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def state(self) -> ShareState:
        """How fairly and how often cameras are looked at now."""
        with self._lock:
            return self._share.state(time.monotonic())

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self.turn():
                self._stopping.wait(0.05)

    def turn(self) -> bool:
        """One look, if anybody is due and the budget allows."""
        now = time.monotonic()
        keys = self._keys.keys()
        with self._lock:
            self._attend(keys, now)
            fresh = {c for c, key in keys.items() if key.at_s != self._seen.get(c)}
            camera_id = self._share.next(fresh, now)
        if camera_id is None:
            return False
        key, began = keys[camera_id], time.thread_time()
        self._seen[camera_id] = key.at_s
        self._see(camera_id, key)
        with self._lock:
            self._share.looked(camera_id, time.thread_time() - began, time.monotonic())
        return True

    def _attend(self, keys: dict[str, KeyPicture], now: float) -> None:
        for camera_id in set(keys) - set(self._seen):
            self._share.join(camera_id, now)
            self._seen[camera_id] = -1.0
        for camera_id in set(self._seen) - set(keys):
            self._share.leave(camera_id)
            del self._seen[camera_id]

    def _see(self, camera_id: str, key: KeyPicture) -> None:
        frame = decode(key)
        if frame is None:
            self.failures += 1
        try:
            self._look(camera_id, frame, key)
        # Wide on purpose: one camera's odd picture must not end the looking at all the others.
        except Exception:
            log.exception("look failed", camera=camera_id)

"""What every view that connects to a camera needs: the safe of this process, and a turn, for each holds a thread for seconds."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

from flask import current_app

from chassis.problems import Problem
from chassis.settings import read
from ipcam.credentials import Safe
from ipcam.probe import Probe, probe
from ipcam.settings import CredentialSettings, ProbingSettings


def safe() -> Safe:
    """The safe of this process, opened at its first use."""
    found: Safe = current_app.extensions.setdefault("safe", None) or Safe(read(CredentialSettings).key)
    current_app.extensions["safe"] = found
    return found


@contextlib.contextmanager
def asking() -> Iterator[ProbingSettings]:
    """A turn to connect to a camera. Raises Problem 503 where none becomes free."""
    settings, turns = _turns()
    if not turns.acquire(timeout=settings.timeout_s):
        raise Problem(503, "Too many cameras are being asked", headers={"Retry-After": "5"})
    try:
        yield settings
    finally:
        turns.release()


def ask(camera: dict[str, Any]) -> Probe:
    """Ask a stream once, as a request describes it."""
    account, transport = camera.get("credentials") or {}, camera.get("transport") or "tcp"
    with asking() as settings:
        return probe(
            camera["rtsp_url"], account.get("username"), account.get("password"), settings.timeout_s, transport
        )


@functools.cache
def _turns() -> tuple[ProbingSettings, threading.BoundedSemaphore]:
    settings = read(ProbingSettings)
    return settings, threading.BoundedSemaphore(settings.at_once)

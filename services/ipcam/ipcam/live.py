"""Living pictures: a camera is read and remuxed to HLS while somebody looks, and left alone when nobody does."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Gauge

from chassis import logs
from ipcam.address import Source
from ipcam.media import CameraUnavailable, opened, remux_hls, video_of

log = logs.get(__name__)
SHOWN = Gauge("ioc_ipcam_live_cameras", "Cameras whose living picture is looked at", multiprocess_mode="livesum")
SEGMENT_S = 0.5
RETRY_S = 1.0
FIRST_PICTURE_S = 12.0
NAMES = ("live.m3u8", "init.mp4")


class TooManyShown(RuntimeError):
    """This process shows as many cameras as it may."""


class LiveStream:
    """One camera: one connection, however many look. It connects again while somebody looks."""

    def __init__(self, source: Source, timeout_s: float, idle_s: float, clock: Callable[[], float]) -> None:
        self.source, self._timeout_s, self._idle_s, self._clock = source, timeout_s, idle_s, clock
        self.folder = Path(tempfile.mkdtemp(prefix="live-"))
        self.failure: str | None = None
        self._seen_s = clock()
        self._thread = threading.Thread(target=self._run, name=f"live-{source.camera_id}", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Somebody looks."""
        self._seen_s = self._clock()

    @property
    def wanted(self) -> bool:
        """Whether somebody has looked of late."""
        return self._clock() - self._seen_s < self._idle_s

    @property
    def ended(self) -> bool:
        """Whether the connection is closed for good."""
        return not self._thread.is_alive()

    def wait_first(self, patience_s: float = FIRST_PICTURE_S) -> None:
        """Wait for the first pictures. Raises CameraUnavailable."""
        deadline = self._clock() + patience_s
        while not (self.folder / NAMES[0]).exists():
            if self._clock() > deadline or self.failure == "wrong_password":
                raise CameraUnavailable(self.failure or "timeout")
            time.sleep(0.05)  # FFmpeg writes the file, and tells nobody

    def _run(self) -> None:
        while self.wanted:
            try:
                with opened(self.source, self._timeout_s, self._timeout_s, audio=False) as container:
                    self.failure = None
                    remux_hls(container, video_of(container), self._fresh(), SEGMENT_S, lambda: self.wanted)
            except CameraUnavailable as error:
                self.failure = error.reason
            # Wide on purpose: PyAV raises more than FFmpeg's errors on odd streams, and the viewer should be told, not left waiting.
            except Exception:
                log.exception("living picture failed", camera=self.source.camera_id)
                self.failure = "camera_error"
            if self.wanted:
                time.sleep(RETRY_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fresh(self) -> Path:
        """What an earlier connection left is gone: its times and its head do not fit the new one."""
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)
        return self.folder


class LiveStreams:
    """The cameras that this process shows now."""

    def __init__(self, timeout_s: float, idle_s: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s, self._idle_s, self._most, self._clock = timeout_s, idle_s, most, clock
        self._streams: dict[str, LiveStream] = {}
        self._lock = threading.Lock()

    def look(self, camera_id: str, source: Callable[[], Source]) -> LiveStream:
        """The camera's stream, begun if nobody looked until now. Raises TooManyShown, and what `source` raises."""
        with self._lock:
            self._streams = {name: one for name, one in self._streams.items() if one.wanted and not one.ended}
            stream = self._streams.get(camera_id)
            if stream is None:
                if len(self._streams) >= self._most:
                    raise TooManyShown(str(self._most))
                stream = LiveStream(source(), self._timeout_s, self._idle_s, self._clock)
                self._streams[camera_id] = stream
            stream.touch()
            SHOWN.set(len(self._streams))
            return stream

    def known(self, camera_id: str) -> LiveStream | None:
        """The camera's stream while it is shown."""
        stream = self._streams.get(camera_id)
        if stream is None or stream.ended:
            return None
        stream.touch()
        return stream

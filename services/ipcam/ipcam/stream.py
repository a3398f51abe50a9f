"""Reads cameras on the wire without decoding, one thread each: measures, reconnects, and keeps the latest key frame for whoever looks."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ipcam.address import Source
from ipcam.domain.wire import WireMeter, WireReading
from ipcam.media import CODECS, CameraUnavailable, KeyPicture, opened, video_of


@dataclass(frozen=True)
class Reading:
    """How a reader behaves. A connection on which nothing comes is given up after `silent_s`, one with sound only after `sound_only_s`;
    the meter tells both as soon as the picture is missing. After a refused password it waits `refused_s`: cameras lock an account after five
    refusals in half a minute (QĐ 724/QĐ-BTTTT 2024), and then they would not know us even with the right one."""

    open_timeout_s: float = 5.0
    silent_s: float = 6.0
    sound_only_s: float = 30.0
    backoff_first_s: float = 0.5
    backoff_most_s: float = 20.0
    refused_s: float = 20.0
    audio: bool = True


class PacketSink(Protocol):
    """Gets the video packets of one camera in its reader's thread: live view, clips, motion. It must be quick, and it may not raise."""

    def opened(self, stream: Any) -> None:
        """A connection was made; `stream` is PyAV's video stream, valid until `closed`."""

    def packet(self, packet: Any, at_s: float) -> None:
        """A video packet (PyAV) arrived."""

    def closed(self) -> None:
        """The connection is gone."""


class CameraReader:
    """One camera. `start` and `stop` are called once; `reading` and `latest_key` from any thread at any time."""

    def __init__(
        self,
        source: Source,
        how: Reading = Reading(),
        sinks: Iterable[PacketSink] = (),
        on_key: Callable[[str], None] | None = None,
        start_after_s: float = 0.0,
    ) -> None:
        self.source, self._how = source, how
        self._sinks = tuple(sinks)
        self._on_key = on_key
        self._start_after_s = start_after_s
        self._meter = WireMeter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._latest: KeyPicture | None = None
        self._thread = threading.Thread(target=self._run, name=f"read-{source.camera_id}", daemon=True)

    def start(self) -> None:
        """Begins to read; returns at once."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begins to stop; a reader in the middle of a read ends within its timeout."""
        self._stopping.set()

    def stop(self, wait_s: float = 8.0) -> bool:
        """Stops; True when the connection is closed and the thread has ended."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def reading(self, at_s: float | None = None) -> WireReading:
        """What was measured on the wire."""
        with self._lock:
            return self._meter.reading(time.monotonic() if at_s is None else at_s)

    def accept_codec(self) -> None:
        """The operator has seen that the codec changed."""
        with self._lock:
            self._meter.accept_codec()

    def latest_key(self) -> KeyPicture | None:
        """The last key frame that arrived, still encoded."""
        return self._latest

    def _run(self) -> None:
        """Connects again for ever; the pause doubles while connections fail, and begins anew after one that brought video."""
        pause_s = self._how.backoff_first_s
        if self._stopping.wait(self._start_after_s):
            return
        while not self._stopping.is_set():
            before = self._meter.packets
            try:
                self._read()
                reason = "closed"
            except CameraUnavailable as error:
                reason = error.reason
            if self._stopping.is_set():
                return
            with self._lock:
                self._meter.lost(time.monotonic(), reason)
            brought = self._meter.packets - before
            pause_s = self._how.backoff_first_s if brought > 50 else pause_s
            if reason == "wrong_password":
                pause_s = max(pause_s, self._how.refused_s)
            # Full jitter: after a power cut hundreds of cameras come back at once, and must not be asked at once.
            self._stopping.wait(random.uniform(pause_s / 2, pause_s))
            pause_s = min(self._how.backoff_most_s, pause_s * 2)

    def _read(self) -> None:
        how = self._how
        with opened(self.source, how.open_timeout_s, how.silent_s, how.audio) as container:
            stream = video_of(container)
            self._note_connected(stream)
            for sink in self._sinks:
                sink.opened(stream)
            try:
                self._pump(container, stream)
            finally:
                for sink in self._sinks:
                    sink.closed()

    def _note_connected(self, stream: Any) -> None:
        context = stream.codec_context
        fps = float(stream.average_rate or 0) or None
        with self._lock:
            self._meter.connected(
                time.monotonic(), CODECS[context.name], fps, context.width or None, context.height or None
            )

    def _pump(self, container: Any, stream: Any) -> None:
        meter, lock, stopping, sound_only_s = self._meter, self._lock, self._stopping, self._how.sound_only_s
        index, base = stream.index, float(stream.time_base)
        last = last_video = time.monotonic()
        for packet in container.demux():
            before, now = last, time.monotonic()
            last = now
            if stopping.is_set():
                return
            if packet.stream_index != index:
                with lock:
                    meter.audio(now)
                if now - last_video > sound_only_s:
                    raise CameraUnavailable("audio_only")
                continue
            size = packet.size
            if not size:  # FFmpeg's flush packet: the stream has ended
                return
            if now - before > 0.9 * self._how.silent_s:
                # At a time-out FFmpeg's parser gives up the frame that it still held: that is the past, and no sign of life.
                continue
            last_video = now
            key = packet.is_keyframe
            stamp = packet.pts if packet.dts is None else packet.dts
            with lock:
                meter.video(now, size, key, None if stamp is None else stamp * base)
            if key:
                self._note_key(packet, stream, now)
            for sink in self._sinks:
                sink.packet(packet, now)

    def _note_key(self, packet: Any, stream: Any, now: float) -> None:
        context = stream.codec_context
        clock = camera_clock(packet)
        if clock is not None:
            with self._lock:
                self._meter.clock_ahead_s = clock - time.time()
        self._latest = KeyPicture(CODECS[context.name], bytes(packet), context.extradata, now)
        if self._on_key is not None:
            self._on_key(self.source.camera_id)


def camera_clock(packet: Any) -> float | None:
    """The camera's own time (seconds since 1970) at this packet, from its RTCP sender reports; None while there is none, or when the camera
    counts from its start instead (RFC 3550, 6.4.1 allows that). Good to about a second: network and encoder delay are in it."""
    if not packet.has_sidedata("prft"):
        return None
    wallclock_us: int = struct.unpack_from("<q", bytes(packet.get_sidedata("prft")))[0]
    seconds = wallclock_us / 1e6
    return seconds if abs(seconds - time.time()) < 366 * 86400 else None


class Fleet:
    """The readers of one worker: told which cameras to hold, it starts and stops the difference, and keeps the rest untouched."""

    def __init__(
        self,
        how: Reading = Reading(),
        sinks_for: Callable[[Source], Iterable[PacketSink]] | None = None,
        spread_s: float = 0.0,
    ) -> None:
        self._how, self._sinks_for, self._spread_s = how, sinks_for, spread_s
        self._readers: dict[str, CameraReader] = {}
        self._leaving: list[CameraReader] = []
        self._lock = threading.Lock()

    def hold(self, sources: Iterable[Source]) -> None:
        """Reads exactly these cameras from now on; one whose address or credentials changed is read anew. Returns before stops have finished."""
        wanted = {source.camera_id: source for source in sources}
        with self._lock:
            for camera_id, reader in list(self._readers.items()):
                if wanted.get(camera_id) != reader.source:
                    reader.ask_to_stop()
                    self._leaving.append(self._readers.pop(camera_id))
            self._leaving = [reader for reader in self._leaving if reader._thread.is_alive()]
            for index, source in enumerate(wanted[c] for c in wanted if c not in self._readers):
                sinks = self._sinks_for(source) if self._sinks_for else ()
                reader = CameraReader(
                    source, self._how, sinks, start_after_s=random.uniform(0, self._spread_s) if index else 0.0
                )
                self._readers[source.camera_id] = reader
                reader.start()

    def reader(self, camera_id: str) -> CameraReader | None:
        """The reader of a camera that is held."""
        return self._readers.get(camera_id)

    def readings(self) -> dict[str, WireReading]:
        """What was measured of every camera held, as of now."""
        now = time.monotonic()
        with self._lock:
            readers = list(self._readers.items())
        return {camera_id: reader.reading(now) for camera_id, reader in readers}

    def keys(self) -> dict[str, KeyPicture]:
        """The latest key frame of every camera held that has one."""
        with self._lock:
            readers = list(self._readers.items())
        return {camera_id: key for camera_id, reader in readers if (key := reader.latest_key()) is not None}

    def stop(self, wait_s: float = 8.0) -> bool:
        """Stops all; True when every connection is closed."""
        self.hold(())
        deadline = time.monotonic() + wait_s
        return all(reader.stop(max(0.0, deadline - time.monotonic())) for reader in self._leaving)

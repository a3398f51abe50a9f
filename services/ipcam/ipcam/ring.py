"""Keeps the last seconds of a camera's packets, undecoded, and writes those around a moment as an MP4 file."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipcam.media import CameraUnavailable, Head, head_of, mux_mp4


@dataclass(frozen=True)
class Kept:
    """One video packet: what its camera called its time (in ticks of `PacketRing.tick_s`), and when it arrived (monotonic)."""

    data: bytes
    dts: int | None
    pts: int | None
    key: bool
    at_s: float


class PacketRing:
    """A packet sink. The past is bounded in seconds and in bytes; a connection that is lost leaves it, the next one begins anew."""

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._seconds, self._most_bytes = seconds, most_bytes
        self._packets: deque[Kept] = deque()
        self._bytes = 0
        self._head: Head | None = None
        self._lock = threading.Lock()

    def opened(self, stream: Any) -> None:
        """The description of the stream is kept, because the stream itself does not outlive its connection."""
        try:
            head = head_of(stream)
        except CameraUnavailable:
            head = None
        with self._lock:
            self._head, self._bytes = head, 0
            self._packets.clear()

    def packet(self, packet: Any, at_s: float) -> None:
        """Keep it, forget what is too old."""
        kept = Kept(bytes(packet), packet.dts, packet.pts, packet.is_keyframe, at_s)
        with self._lock:
            self._packets.append(kept)
            self._bytes += len(kept.data)
            while self._bytes > self._most_bytes or self._packets[0].at_s < at_s - self._seconds:
                self._bytes -= len(self._packets.popleft().data)

    def closed(self) -> None:
        """The past is kept: it may show why the camera went dark."""

    def clip(self, from_s: float, to_s: float) -> bytes | None:
        """The pictures from the last key frame before `from_s` up to `to_s` as an MP4 file; None where there is none."""
        with self._lock:
            head, packets = self._head, list(self._packets)
        keys = [index for index, kept in enumerate(packets) if kept.key]
        before = [index for index in keys if packets[index].at_s <= from_s]
        begin = before[-1] if before else keys[0] if keys else len(packets)
        chosen = [kept for kept in packets[begin:] if kept.at_s <= to_s]
        if head is None or not chosen:
            return None
        with tempfile.TemporaryDirectory(prefix="clip-") as folder:
            file = Path(folder) / "clip.mp4"
            mux_mp4(head, [(kept.data, kept.dts, kept.pts, kept.key) for kept in chosen], file)
            return file.read_bytes()

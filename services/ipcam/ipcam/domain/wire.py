"""Measures a camera's stream from its packets alone: rate by arrival, gaps, time that goes back; and judges what that says of its health."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from ipcam.domain.health import WELL, Sighting, Status

WINDOW_S = 10.0


@dataclass(frozen=True)
class WireReading:
    """What was measured over the last WINDOW_S seconds; counters are since the camera was first watched. Times: `_s` of the monotonic clock."""

    connected: bool = False
    failure: str | None = None
    failed_since_s: float | None = None
    last_video_s: float | None = None
    last_audio_s: float | None = None
    bitrate_bps: float = 0.0
    fps: float = 0.0
    declared_fps: float | None = None
    key_interval_s: float | None = None
    longest_gap_s: float = 0.0
    gaps: int = 0
    times_back: int = 0
    times_back_recent: bool = False
    codec: str | None = None
    former_codec: str | None = None
    width: int | None = None
    height: int | None = None
    connects: int = 0
    packets: int = 0
    bytes: int = 0
    clock_ahead_s: float | None = None


@dataclass(frozen=True)
class WireLimits:
    """Beyond these a stream is impaired or dead."""

    silent_s: float = 6.0
    gap_s: float = 2.0
    fps_share: float = 0.7
    key_interval_s: float = 15.0


class WireMeter:
    """Counts the packets of one camera. Not thread-safe: one reader feeds it, `reading` gives an immutable copy."""

    def __init__(self, gap_s: float = WireLimits.gap_s) -> None:
        self._gap_s = gap_s
        self._recent: deque[tuple[float, int]] = deque()
        self._recent_bytes = 0
        self._connected = False
        self._failure: str | None = None
        self._failed_since: float | None = None
        self._last_video: float | None = None
        self._last_audio: float | None = None
        self._opened: float | None = None
        self._last_dts: float | None = None
        self._keys: deque[float] = deque(maxlen=4)
        self._backs: deque[float] = deque(maxlen=8)
        self._gaps: deque[tuple[float, float]] = deque(maxlen=8)
        self._declared: float | None = None
        self._codec: str | None = None
        self._former_codec: str | None = None
        self._size: tuple[int | None, int | None] = (None, None)
        self.gaps = self.times_back = self.connects = self.packets = self.bytes = 0
        self.clock_ahead_s: float | None = None

    def connected(
        self, at_s: float, codec: str | None, fps: float | None, width: int | None, height: int | None
    ) -> None:
        """A connection was made; a codec other than the last one is remembered as changed."""
        if self._codec and codec and codec != self._codec:
            self._former_codec = self._codec
        self._codec, self._declared, self._size = codec or self._codec, fps, (width, height)
        self._connected, self._failure, self._failed_since = True, None, None
        self._opened, self._last_dts = at_s, None
        self._recent.clear()
        self._recent_bytes = 0
        self._keys.clear()
        self.connects += 1

    def lost(self, at_s: float, reason: str) -> None:
        """The connection ended or could not be made; the time of the first failure in a row is kept."""
        self._connected, self._failure = False, reason
        self._failed_since = self._failed_since if self._failed_since is not None else at_s

    def video(self, at_s: float, size: int, key: bool, dts_s: float | None) -> None:
        """A video packet arrived."""
        if self._last_video is not None and self._opened is not None and self._last_video > self._opened:
            gap = at_s - self._last_video
            if gap > self._gap_s:
                self.gaps += 1
                self._gaps.append((at_s, gap))
        if dts_s is not None:
            if self._last_dts is not None and dts_s < self._last_dts - 0.001:
                self.times_back += 1
                self._backs.append(at_s)
            self._last_dts = dts_s
        if key:
            self._keys.append(at_s)
        self._last_video = at_s
        self.packets += 1
        self.bytes += size
        self._recent.append((at_s, size))
        self._recent_bytes += size
        while self._recent[0][0] < at_s - WINDOW_S:
            self._recent_bytes -= self._recent.popleft()[1]

    def audio(self, at_s: float) -> None:
        """An audio packet arrived."""
        self._last_audio = at_s

    def reading(self, at_s: float) -> WireReading:
        """The measurement as of now."""
        span = min(WINDOW_S, at_s - self._opened) if self._opened is not None else 0.0
        recent = [(t, size) for t, size in self._recent if t > at_s - WINDOW_S]
        keys = list(self._keys)
        since_key = [at_s - keys[-1]] if keys else []
        intervals = [b - a for a, b in itertools.pairwise(keys)]
        return WireReading(
            connected=self._connected,
            failure=self._failure,
            failed_since_s=self._failed_since,
            last_video_s=self._last_video,
            last_audio_s=self._last_audio,
            bitrate_bps=8 * sum(size for _, size in recent) / span if span > 0.5 else 0.0,
            fps=len(recent) / span if span > 0.5 else 0.0,
            declared_fps=self._declared,
            key_interval_s=max(intervals + since_key) if intervals else None,
            longest_gap_s=max((gap for t, gap in self._gaps if t > at_s - WINDOW_S), default=0.0),
            gaps=self.gaps,
            times_back=self.times_back,
            times_back_recent=any(t > at_s - 6 * WINDOW_S for t in self._backs),
            codec=self._codec,
            former_codec=self._former_codec,
            width=self._size[0],
            height=self._size[1],
            connects=self.connects,
            packets=self.packets,
            bytes=self.bytes,
            clock_ahead_s=self.clock_ahead_s,
        )

    def accept_codec(self) -> None:
        """Somebody has seen that the codec changed; it is the camera's codec now."""
        self._former_codec = None


def judge(
    reading: WireReading, at_s: float, limits: WireLimits = WireLimits(), usual_fps: float | None = None
) -> Sighting:
    """How the camera looks by its wire alone. `usual_fps`: what this camera really sends when well (cameras declare what they do not send)."""
    silent = at_s - reading.last_video_s if reading.last_video_s is not None else None
    if not reading.connected:
        began_s = reading.last_video_s if reading.last_video_s is not None else reading.failed_since_s
        return Sighting(Status.OFFLINE, reading.failure or "connecting", _ago(at_s, began_s))
    if silent is None or silent > limits.silent_s:
        heard = reading.last_audio_s is not None and at_s - reading.last_audio_s <= limits.silent_s
        return Sighting(Status.OFFLINE, "audio_only" if heard else "stalled", _ago(at_s, reading.last_video_s))
    if reading.former_codec:
        return Sighting(Status.DEGRADED, "codec_changed")
    if reading.times_back_recent:
        return Sighting(Status.DEGRADED, "time_goes_back")
    wanted = usual_fps or reading.declared_fps
    if wanted and reading.fps and reading.fps < limits.fps_share * wanted:
        return Sighting(Status.DEGRADED, "low_frame_rate")
    if reading.longest_gap_s > limits.gap_s:
        return Sighting(Status.DEGRADED, "gaps")
    if reading.key_interval_s and reading.key_interval_s > limits.key_interval_s:
        return Sighting(Status.DEGRADED, "rare_key_frames")
    return WELL


def _ago(at_s: float, began_s: float | None) -> timedelta:
    return timedelta(seconds=max(0.0, at_s - began_s)) if began_s is not None else timedelta(0)

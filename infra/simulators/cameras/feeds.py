"""What each simulated camera sends: its clip, frame by frame, as its faults have it."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

from infra.simulators.cameras import faults  # noqa: E402

EDITION = "1"
FPS = {"main": 12, "sub": 10}
STREAMS = ("main", "sub")
PLACES = ("corridor", "yard", "gate", "lobby")
BACK_EVERY_FRAMES, BACK_BY_NS = 40, 3 * Gst.SECOND


@dataclass
class Camera:
    """One camera: what it sees, how it is protected, and what is wrong with it now."""

    id: str
    place: str
    condition: str
    codec: str
    audio: bool
    password: str
    fault: str | None = None
    since: float = field(default_factory=time.time)


class Clips:
    """The clips as lists of access units, loaded once, encoded by the project's own Python when the file is not there yet."""

    def __init__(self, folder: Path, encoder: str) -> None:
        self._folder, self._encoder = folder, encoder
        self._loaded: dict[str, list[tuple[GLib.Bytes, bool]]] = {}

    def name(self, camera: Camera, stream: str, fault: str | None) -> str:
        seen = "-".join(part for part in (camera.place, camera.condition, fault, stream) if part)
        return f"{seen}.{EDITION}.{camera.codec}"

    def ready(self, name: str) -> list[tuple[GLib.Bytes, bool]] | None:
        """The units if they are in memory; never waits."""
        return self._loaded.get(name)

    def prepare(self, *names: str) -> None:
        """Encodes and loads what is missing; may take seconds for each. Several threads may prepare different clips at once."""
        missing = [n for n in names if n not in self._loaded and not (self._folder / n).exists()]
        if missing:
            subprocess.run(
                [self._encoder, "-m", "infra.simulators.cameras.clips", str(self._folder), *missing], check=True
            )
        for name in names:
            if name not in self._loaded:
                self._loaded[name] = _units((self._folder / name).read_bytes(), name.endswith("h265"))

    def prepare_later(self, name: str) -> None:
        """Prepares it in the background; until then what was shown before is shown on."""
        if name not in self._loaded:
            threading.Thread(target=self.prepare, args=(name,), daemon=True).start()


def _units(data: bytes, hevc: bool) -> list[tuple[GLib.Bytes, bool]]:
    """Splits an Annex B file at its access unit delimiters; a unit with a picture that needs no other is a key."""
    delimiter = b"\x00\x00\x00\x01\x46" if hevc else b"\x00\x00\x00\x01\x09"
    units = []
    for part in data.split(delimiter)[1:]:
        unit = delimiter + part
        kinds = {(p[0] >> 1) & 0x3F if hevc else p[0] & 0x1F for p in unit.split(b"\x00\x00\x01")[1:] if p}
        units.append((GLib.Bytes.new(unit), bool(kinds & ({16, 17, 18, 19, 20, 21} if hevc else {5}))))
    if not units or not units[0][1]:
        raise ValueError("a clip must begin with a key frame")
    return units


class Feed:
    """Pushes one stream of one camera into its pipeline, frame by frame, while somebody watches."""

    def __init__(self, camera: Camera, stream: str, clips: Clips) -> None:
        self.camera, self.stream, self._clips = camera, stream, clips
        self.video: Any = None
        self.audio: Any = None
        self._units: list[tuple[GLib.Bytes, bool]] = []
        self._at = 0
        self._pushed = 0
        self._ticks = 0
        self._zero_ns = 0
        self._lag_ns = 0

    def open(self, video: Any, audio: Any) -> None:
        self._at = self._pushed = self._ticks = self._lag_ns = 0
        self._zero_ns = time.monotonic_ns()
        self.audio, self.video = audio, video
        if self.camera.fault in faults.PICTURE:
            self._clips.prepare_later(self._clips.name(self.camera, self.stream, self.camera.fault))

    def close(self) -> None:
        self.video = self.audio = None

    def tick(self) -> None:
        """One frame time has passed."""
        video, audio, fault = self.video, self.audio, self.camera.fault
        if video is None:
            return
        self._ticks += 1
        if fault == "half-open":
            return
        now_ns = time.monotonic_ns() - self._zero_ns
        if audio is not None:
            self._push_audio(audio, now_ns)
        if fault in ("stall", "audio-only") or (fault == "slow" and self._ticks % 3):
            return
        if fault == "back" and self._pushed % BACK_EVERY_FRAMES == BACK_EVERY_FRAMES - 1:
            self._lag_ns += BACK_BY_NS
        unit = self._next_unit()
        self._push(video, unit, max(0, now_ns - self._lag_ns), Gst.SECOND // FPS[self.stream])
        self._pushed += 1

    def _next_unit(self) -> GLib.Bytes:
        wanted = self.camera.fault if self.camera.fault in faults.PICTURE else None
        if (
            not self._units or self._at >= len(self._units) or self._units[self._at][1]
        ):  # scenes change at key frames only
            units = self._clips.ready(self._clips.name(self.camera, self.stream, wanted))
            if units is not None and units is not self._units:
                self._units, self._at = units, 0
            self._at %= len(self._units)
        unit = self._units[self._at][0]
        self._at += 1
        return unit

    def _push(self, source: Any, data: GLib.Bytes, pts_ns: int, duration_ns: int) -> None:
        buffer = Gst.Buffer.new_wrapped_bytes(data)
        buffer.pts = buffer.dts = pts_ns
        buffer.duration = duration_ns
        source.emit("push-buffer", buffer)

    def _push_audio(self, source: Any, now_ns: int) -> None:
        size = 8000 // FPS[self.stream]
        self._push(source, GLib.Bytes.new(bytes([0xD5]) * size), now_ns, Gst.SECOND // FPS[self.stream])

"""Asks a camera once whether it answers and what it sends: the check before a camera is saved."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from ipcam.address import Source
from ipcam.media import CODECS, CameraUnavailable, opened, video_of

MEASURE_S = 1.5


@dataclass(frozen=True)
class Probe:
    """`ok` means that a video packet of a supported codec arrived. `fps` is declared, `measured_fps` by arrival; `latency_ms` until the first
    video packet. `reason` when not ok: refused, timeout, wrong_password, not_found, no_video, unsupported_codec, closed, no_answer, …"""

    ok: bool
    reason: str | None = None
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    measured_fps: float | None = None
    latency_ms: int | None = None
    audio: bool = False


def probe(
    rtsp_url: str,
    username: str | None = None,
    password: str | None = None,
    timeout: float = 5.0,
    transport: str = "tcp",
) -> Probe:
    """Connects, waits for video, measures for MEASURE_S and hangs up; takes at most about twice `timeout` seconds.
    Raises AddressRefused for an address that may not be used; everything else is an answer."""
    source = Source("probe", rtsp_url, username, password, transport)
    found = Probe(False)
    began = time.monotonic()
    try:
        with opened(source, timeout, timeout) as container:
            stream = video_of(container)
            found = _described(container, stream)
            return _measured(container, stream, found, began, timeout)
    except CameraUnavailable as error:
        codec = found.codec
        return replace(found, ok=False, reason="no_video" if error.reason == "timeout" and codec else error.reason)


def _described(container: Any, stream: Any) -> Probe:
    context = stream.codec_context
    declared = float(stream.average_rate or stream.guessed_rate or 0) or None
    return Probe(
        False,
        codec=CODECS[context.name],
        width=context.width or None,
        height=context.height or None,
        fps=round(declared, 2) if declared else None,
        audio=bool(container.streams.audio),
    )


def _measured(container: Any, stream: Any, found: Probe, began: float, timeout: float) -> Probe:
    """Arrival times, less those of the first burst, which FFmpeg had kept while it analysed."""
    first: float | None = None
    arrivals: list[float] = []
    for packet in container.demux():
        now = time.monotonic()
        if packet.stream.index == stream.index and packet.size:
            first = first or now
            arrivals.append(now)
        if now - (first or began) > (MEASURE_S if first else timeout):
            break
    if first is None:
        return replace(found, reason="no_video")
    steady = [t for t in arrivals if t > first + 0.2]
    fps = (len(steady) - 1) / (steady[-1] - steady[0]) if len(steady) > 3 else None
    return replace(
        found, ok=True, measured_fps=round(fps, 2) if fps else None, latency_ms=round((first - began) * 1000)
    )

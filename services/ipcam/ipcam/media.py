"""The one module that calls PyAV: opens streams, turns FFmpeg's errors into reasons that hold no address, decodes single key frames."""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ipcam.address import Source

Grey = NDArray[np.uint8]

#: FFmpeg's own log lines carry URLs, and from level debug on the Authorization header: they go nowhere.
av.logging.set_level(None)

CODECS = {"h264": "h264", "hevc": "h265"}
SMALL = (320, 180)
#: Most cameras send luminance as 16 to 235: black at 16 and white at 235 become 0 and 255.
_STUDIO = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)

_START_CODE = re.compile(rb"\x00?\x00\x00\x01")

# PyAV subclasses Python's own errors where there is one; the others are named by FFmpeg. The first match counts.
_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    ((av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError), "wrong_password"),
    (av.error.HTTPNotFoundError, "not_found"),
    (av.error.HTTPServerError, "camera_error"),
    (av.error.HTTPError, "refused_by_camera"),
    (ConnectionRefusedError, "refused"),
    ((av.error.ExitError, TimeoutError), "timeout"),
    ((av.error.EOFError, ConnectionError, BrokenPipeError), "closed"),
    (av.error.InvalidDataError, "no_answer"),
    (av.error.ProtocolNotFoundError, "unsupported_transport"),
    (OSError, "unreachable"),
)


class CameraUnavailable(Exception):
    """The stream cannot be read. `reason` is a word of a fixed list; neither message nor context holds address or credentials."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class KeyPicture:
    """A key frame as it came, with what its decoder needs. `at_s` is its arrival on the monotonic clock."""

    codec: str
    data: bytes
    extradata: bytes | None
    at_s: float


def reason_of(error: BaseException) -> str:
    """The word for an error of PyAV or the socket."""
    for kinds, reason in _REASONS:
        if isinstance(error, kinds):
            return reason
    return "unreadable"


@contextlib.contextmanager
def opened(source: Source, open_timeout_s: float, read_timeout_s: float, audio: bool = True) -> Iterator[Any]:
    """An open PyAV container (never log it: its repr is the URL). Raises CameraUnavailable, also from reads inside the block."""
    options = {
        "rtsp_transport": source.transport,
        "analyzeduration": "500000",
        "probesize": "500000",
        "max_delay": "500000",
        "protocol_whitelist": "rtsp,rtsps,rtp,udp,tcp,tls,crypto",
        "user_agent": "ioc-ipcam",
        "allowed_media_types": "video+audio" if audio else "video",
    }
    failure: str | None = None
    container: Any = None
    began = time.monotonic()
    try:
        container = av.open(source.secret_url(), options=options, timeout=(open_timeout_s, read_timeout_s))
        yield container
    except (av.error.FFmpegError, OSError) as error:
        failure = reason_of(error)
        # Interrupted in the middle of a request, FFmpeg calls the answer that never came invalid.
        if container is None and failure == "no_answer" and time.monotonic() - began >= 0.95 * open_timeout_s:
            failure = "timeout"
    finally:
        if container is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError):
                container.close()
    # Raised outside the except block: an exception keeps the one it was raised under, and that one holds the URL.
    if failure is not None:
        raise CameraUnavailable(failure)


def video_of(container: Any) -> Any:
    """The first video stream. Raises CameraUnavailable: no_video, unsupported_codec."""
    if not container.streams.video:
        raise CameraUnavailable("no_video")
    stream = container.streams.video[0]
    if stream.codec_context.name not in CODECS:
        raise CameraUnavailable("unsupported_codec")
    return stream


def decode(picture: KeyPicture) -> Any:
    """The decoded frame (PyAV VideoFrame) or None when the bytes are no whole picture. A decoder lives for one picture: no state, no memory."""
    context = av.CodecContext.create("hevc" if picture.codec == "h265" else "h264", "r")
    context.thread_count = 1
    if picture.extradata:
        context.extradata = picture.extradata
    try:
        frames = context.decode(av.Packet(picture.data)) or context.decode(None)
    except (av.error.FFmpegError, OSError):
        return None
    return frames[0] if frames else None


def decoded(packet: Any) -> list[Any]:
    """The frames that the packet completes in its stream's own decoder; none when it cannot be decoded."""
    try:
        return list(packet.decode())
    except (av.error.FFmpegError, OSError):
        return []


def grey(frame: Any, size: tuple[int, int] = SMALL) -> Grey:
    """The frame's luminance, scaled down to `size` (width, height)."""
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    full_range = frame.color_range == av.video.reformatter.ColorRange.JPEG or str(frame.format.name).startswith("yuvj")
    return small if full_range else np.asarray(cv2.LUT(small, _STUDIO), np.uint8)


def jpeg(frame: Any, quality: int = 85) -> bytes:
    """The frame as a JPEG file, in colour and full size."""
    done, data = cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture cannot be written as JPEG")
    return bytes(data)


def small_jpeg(frame: Any, size: tuple[int, int] = SMALL, quality: int = 70) -> bytes:
    """The frame in colour, scaled down to fit into `size`, as a JPEG file (about 10 KB)."""
    scale = min(size[0] / frame.width, size[1] / frame.height, 1.0)
    fit = (max(2, int(frame.width * scale) // 2 * 2), max(2, int(frame.height * scale) // 2 * 2))
    small = frame.reformat(width=fit[0], height=fit[1], format="bgr24")
    return jpeg(small, quality)


@dataclass(frozen=True)
class Head:
    """What must be known of a stream before its first packet, as the head of an MP4 file; it outlives the stream."""

    described: bytes
    tick: Fraction


def head_of(stream: Any) -> Head:
    """The head of a stream that is open. Raises CameraUnavailable where the camera does not say enough of it."""
    out = io.BytesIO()
    options = {"movflags": "empty_moov+default_base_moof+frag_keyframe"}
    try:
        with av.open(out, "w", format="mp4", options=options) as container:
            container.add_stream_from_template(stream)
            container.start_encoding()
            return Head(out.getvalue(), stream.time_base)
    except (av.error.FFmpegError, OSError, ValueError):
        raise CameraUnavailable("unsupported_codec") from None


def mux_mp4(head: Head, packets: Sequence[tuple[bytes, int | None, int | None, bool]], file: Path) -> None:
    """Writes packets (data, dts, pts, key; the first is a key) into an MP4 file, without decoding."""
    with (
        av.open(io.BytesIO(head.described)) as described,
        av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        stream = container.add_stream_from_template(described.streams.video[0])
        zero = next((t for _, dts, pts, _ in packets for t in (dts, pts) if t is not None), 0)
        last = -1
        for data, dts, pts, key in packets:
            packet = av.Packet(_measured(data))
            packet.stream, packet.time_base, packet.is_keyframe = stream, head.tick, key
            # A camera's time may stand still, be missing or go back; a file's may not.
            last = max(last + 1, (dts if dts is not None else pts if pts is not None else last + 1 + zero) - zero)
            packet.dts, packet.pts = last, max(last, (pts if pts is not None else last + zero) - zero)
            container.mux(packet)


def remux_hls(container: Any, stream: Any, folder: Path, segment_s: float, alive: Callable[[], bool]) -> None:
    """Writes the stream into `folder` as a growing HLS playlist (`live.m3u8`, fragmented MP4) without decoding, while `alive()`.
    The first segments may be cut before a key frame, so that the first picture need not wait for the second key frame.
    Raises CameraUnavailable when nothing comes."""
    options = {
        "hls_time": str(segment_s),
        "hls_list_size": "8",
        "hls_segment_type": "fmp4",
        "hls_flags": "delete_segments+split_by_time+omit_endlist+temp_file",
        "hls_segment_filename": str(folder / "s%05d.m4s"),
        "hls_fmp4_init_filename": "init.mp4",
    }
    with av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as out:
        target, last = out.add_stream_from_template(stream), -1
        for packet, dts, ahead in _timed(container, stream, alive):
            last = max(last + 1, dts)
            packet.dts, packet.pts, packet.stream = last, last + ahead, target
            out.mux(packet)


def _timed(container: Any, stream: Any, alive: Callable[[], bool]) -> Iterator[tuple[Any, int, int]]:
    """Packets from the first key frame on, with their time from 0 and how far the picture is shown after it. FFmpeg gives the first packets of
    an RTSP stream no time; to wait for the next key frame instead would cost the viewer seconds."""
    rate = stream.average_rate or stream.guessed_rate or 25
    step, timeless, zero, last = int(1 / (rate * stream.time_base)), list[Any](), None, 0
    for packet in container.demux(stream):
        if not alive() or not packet.size:
            return
        stamp = packet.dts if packet.dts is not None else packet.pts
        if zero is None and stamp is None:
            if timeless or packet.is_keyframe:
                timeless.append(packet)
            continue
        if zero is None:
            if not (timeless or packet.is_keyframe):
                continue
            zero = stamp - step * len(timeless)
            for index, early in enumerate(timeless):
                yield early, index * step, 0
        last = last + step if stamp is None else stamp - zero
        yield packet, last, max(0, packet.pts - stamp) if stamp is not None and packet.pts is not None else 0


def _measured(data: bytes) -> bytes:
    """A packet as MP4 has it: RTSP's units are told apart by start codes (H.264 and H.265, annex B), a file's by their lengths."""
    if not data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
        return data
    units = _START_CODE.split(data)[1:]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit)

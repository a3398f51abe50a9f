"""The one module that calls PyAV: opens streams, turns FFmpeg's errors into reasons that hold no address, decodes single key frames."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
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

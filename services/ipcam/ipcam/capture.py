"""Takes one picture of a camera now: connects, waits for a key frame, and writes it as JPEG."""

from __future__ import annotations

import datetime
import time

from ipcam.address import Source
from ipcam.media import CODECS, CameraUnavailable, KeyPicture, decode, jpeg, opened, video_of


def capture(source: Source, timeout_s: float) -> tuple[bytes, datetime.datetime]:
    """The picture as a JPEG file in full size, and when it arrived. Raises CameraUnavailable, within about twice `timeout_s`."""
    deadline = time.monotonic() + 2 * timeout_s
    with opened(source, timeout_s, timeout_s, audio=False) as container:
        stream = video_of(container)
        for packet in container.demux(stream):
            if packet.size and packet.is_keyframe:
                at, context = datetime.datetime.now(datetime.UTC), stream.codec_context
                key = KeyPicture(CODECS[context.name], bytes(packet), context.extradata, time.monotonic())
                frame = decode(key)
                if frame is not None:
                    return jpeg(frame), at
            if time.monotonic() > deadline:
                break
    raise CameraUnavailable("no_video")

"""Encodes the drawn scenes once into looping H.264/H.265 files, so that serving many cameras costs no encoding."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2

from infra.simulators.cameras import places, scenes

#: Counts up when drawing or encoding changes, so that a kept folder of older clips is not served.
EDITION = "1"


@dataclass(frozen=True)
class Stream:
    """One stream of a camera: size in pixels, frames a second, seconds between key frames, bits a second."""

    name: str
    size: tuple[int, int]
    fps: int
    key_interval_s: int
    bit_rate: int


STREAMS = {"main": Stream("main", (1280, 720), 12, 2, 1_500_000), "sub": Stream("sub", (640, 360), 10, 2, 320_000)}
LOOP_S = 12
FAULT_LOOP_S = 6


@dataclass(frozen=True)
class Clip:
    """One file to make: what is seen, which stream it is for, and the codec (`h264` or `h265`)."""

    place: str
    condition: str
    fault: str | None
    stream: str
    codec: str = "h264"

    @property
    def file_name(self) -> str:
        """E.g. `yard-night-blur-sub.1.h264`."""
        seen = "-".join(part for part in (self.place, self.condition, self.fault, self.stream) if part)
        return f"{seen}.{EDITION}.{self.codec}"

    @staticmethod
    def from_file_name(name: str) -> Clip:
        """The clip that a file name stands for. Raises ValueError."""
        seen, _, codec = name.rsplit(".", 2)
        place, condition, rest = seen.split("-", 2)
        fault, _, stream = rest.rpartition("-")
        if place not in places.PLACES or condition not in scenes.CONDITIONS or stream not in STREAMS:
            raise ValueError(f"no such clip: {name}")
        return Clip(place, condition, fault or None, stream, codec)


def pictures(clip: Clip) -> Iterator[scenes.Image]:
    """The clip's pictures in order."""
    stream = STREAMS[clip.stream]
    loop_s = FAULT_LOOP_S if clip.fault else LOOP_S
    look = scenes.Look(
        clip.place,
        clip.condition,
        clip.fault,
        trucks=1 if clip.place == "gate" else 0,
        period_s=loop_s,
        seed=3 + places.PLACES.index(clip.place),
    )
    for index in range(loop_s * stream.fps):
        picture = scenes.frame(look, index / stream.fps, stream.size)
        yield scenes.caption(picture, f"IOC {clip.place.upper()} 0{1 + places.PLACES.index(clip.place)}")


def encode(images: Iterator[scenes.Image], stream: Stream, codec: str = "h264") -> Iterator[bytes]:
    """Access units (Annex B, each begins with a delimiter, headers before every key frame) as a camera sends them: no B frames."""
    encoder = av.CodecContext.create("libx264" if codec == "h264" else "libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = stream.size
    encoder.pix_fmt, encoder.framerate, encoder.bit_rate = "yuv420p", stream.fps, stream.bit_rate
    encoder.time_base = Fraction(1, stream.fps)
    keys = stream.fps * stream.key_interval_s
    if codec == "h264":
        fixed = f"aud=1:keyint={keys}:min-keyint={keys}:scenecut=0:bframes=0:repeat-headers=1:vbv-maxrate={stream.bit_rate // 500}:vbv-bufsize={stream.bit_rate // 500}"
        encoder.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "x264-params": fixed + ":threads=1:sliced-threads=0",
        }
    else:
        fixed = f"aud=1:keyint={keys}:min-keyint={keys}:scenecut=0:bframes=0:repeat-headers=1:log-level=none:pools=1:frame-threads=1"
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": fixed}
    for index, image in enumerate(images):
        picture = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
        picture.pts = index
        yield from (bytes(packet) for packet in encoder.encode(picture))
    yield from (bytes(packet) for packet in encoder.encode(None))


def make(clip: Clip, folder: Path) -> Path:
    """Makes the clip's file unless it is there; a file that appears is whole, also when two processes make it at once."""
    path = folder / clip.file_name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")
        with draft.open("wb") as file:
            for unit in encode(pictures(clip), STREAMS[clip.stream], clip.codec):
                file.write(unit)
        draft.replace(path)
    return path


def main() -> None:
    """`python -m infra.simulators.cameras.clips FOLDER FILE_NAME…` makes the named clips (the server asks for them when needed)."""
    cv2.setNumThreads(1)
    os.nice(10)  # a minute of drawing must not slow down what starts beside it
    for name in sys.argv[2:]:
        make(Clip.from_file_name(name), Path(sys.argv[1]))


if __name__ == "__main__":
    main()

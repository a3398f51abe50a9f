"""Makes the labelled set on which image faults are measured: drawn scenes, through a real H.264 encoder and our own decoder, with the truth known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from infra.simulators.cameras import scenes
from ipcam.domain.faults import Fault
from ipcam.media import Grey, KeyPicture, decode, grey

#: The simulator's words for what the detector should say.
TRUTH = {
    "black": Fault.BLACK,
    "freeze": Fault.FROZEN,
    "cover": Fault.COVERED,
    "blur": Fault.BLURRED,
    "turn": Fault.TURNED,
    "overexpose": Fault.OVEREXPOSED,
    "low-contrast": Fault.LOW_CONTRAST,
    "noise": Fault.NOISY,
}
SUB = (640, 360)


class Coder:
    """Encodes each picture as a key frame and decodes it again. Two quantisers by turns at random, as a camera's rate control does."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._encoders = [self._encoder(crf) for crf in (26, 27, 28)]

    def _encoder(self, crf: int) -> av.VideoCodecContext:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = *SUB, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 10), 10
        encoder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": str(crf),
            "x264-params": "keyint=1:threads=1:repeat-headers=1",
        }
        return encoder

    def through(self, image: scenes.Image) -> Grey:
        """What the judge of pictures sees of it."""
        return grey(self.frame(image))

    def frame(self, image: scenes.Image) -> Any:
        """What comes out of our decoder (PyAV)."""
        picture = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p")
        encoder = self._encoders[int(self._rng.integers(0, len(self._encoders)))]
        data = b"".join(bytes(packet) for packet in encoder.encode(picture))
        frame = decode(KeyPicture("h264", data, None, 0.0))
        assert frame is not None
        return frame


@dataclass(frozen=True)
class Shot:
    """One camera for a while: `every_s` between looks; the truth changes to `fault` at `fault_from_s` and back at `fault_to_s`."""

    look: scenes.Look
    fault: str | None = None
    fault_from_s: float = 0.0
    fault_to_s: float = 0.0
    ends_s: float = 600.0
    every_s: float = 10.0
    dusk_from_s: float | None = None
    dusk_takes_s: float = 300.0
    clock: bool = True
    mirrored: bool = False


def truth(shot: Shot, t: float) -> Fault | None:
    """The fault that shows at second `t`."""
    return TRUTH[shot.fault] if shot.fault and shot.fault_from_s <= t < shot.fault_to_s else None


def looks(shot: Shot, from_s: float = 0.0, to_s: float | None = None) -> Iterator[tuple[float, Grey, Fault | None]]:
    """(second, small grey picture, truth) for the shot or a part of it."""
    coder = Coder(shot.look.seed)
    frozen: scenes.Image | None = None
    t = from_s
    while t < (shot.ends_s if to_s is None else to_s):
        true = truth(shot, t)
        fault = shot.fault if true else None
        night = None if shot.dusk_from_s is None else float(np.clip((t - shot.dusk_from_s) / shot.dusk_takes_s, 0, 1))
        if true is Fault.FROZEN and frozen is not None:
            image = frozen.copy()
        else:
            drawn = replace(shot.look, fault=None if fault == "freeze" else fault)
            image = scenes.frame(drawn, t, SUB, night, nth=int(t))
            image = np.ascontiguousarray(image[:, ::-1]) if shot.mirrored else image
            frozen = image.copy()
        if shot.clock:  # the camera's own clock goes on while its sensor is frozen, black or covered
            scenes.caption(image, f"23-11-2026 {int(t) // 3600:02d}:{int(t) // 60 % 60:02d}:{int(t) % 60:02d}")
        yield t, coder.through(image), true
        t += shot.every_s

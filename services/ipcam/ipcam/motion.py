"""Finds how much of each area of a camera's picture moves, ignoring masks, noise, rain and a sudden change of light."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ipcam.domain.motion import Polygon, check_areas
from ipcam.domain.share import MotionShare
from ipcam.media import Grey, decoded, grey

#: Motion is looked for in a picture half the size of the one for faults, which halves the noise and quarters the memory.
TINY = (160, 90)
EVERYWHERE = "all"
WHOLE: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@dataclass(frozen=True)
class Look:
    """`shares`: for each area, how much of it moves (0 to 1). `lit`: the light changed everywhere at once, nothing can be told."""

    shares: Mapping[str, float]
    lit: bool


class MotionFinder:
    """One camera. Not thread-safe; 0.5 ms a look and about 1 MB; needs at least one look a second to follow people."""

    def __init__(
        self, areas: Mapping[str, Polygon] | None = None, masks: Sequence[Polygon] = (), settle_looks: int = 10
    ) -> None:
        check_areas(areas or {}, masks)
        hidden = np.zeros((TINY[1], TINY[0]), bool)
        for polygon in masks:
            hidden |= _region(polygon)
        self._areas = {name: _region(polygon) & ~hidden for name, polygon in (areas or {EVERYWHERE: WHOLE}).items()}
        self._kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        self._settle_looks = settle_looks
        self._background: Any = None
        self._looks = 0

    def look(self, picture: Grey) -> Look:
        """One grey picture of any size, in the order of time."""
        if self._background is None:
            self._background = cv2.createBackgroundSubtractorMOG2(history=120, varThreshold=16, detectShadows=False)
            self._background.setNMixtures(3)
        tiny = (
            picture if picture.shape == (TINY[1], TINY[0]) else cv2.resize(picture, TINY, interpolation=cv2.INTER_AREA)
        )
        self._looks += 1
        settling = self._looks <= self._settle_looks
        moving = self._background.apply(tiny, None, 0.2 if settling else -1)
        moving = cv2.morphologyEx(moving, cv2.MORPH_OPEN, self._kernel) > 0
        lit = not settling and bool(moving.mean() > 0.5)
        if (
            lit
        ):  # nobody fills half a picture between two looks: a lamp was switched, or the camera changed to infra-red
            self._background, self._looks = None, 0
        if lit or settling:
            return Look(dict.fromkeys(self._areas, 0.0), lit)
        return Look(
            {name: float(moving[area].mean()) if area.any() else 0.0 for name, area in self._areas.items()}, False
        )


class MotionSink:
    """A packet sink that decodes every frame of a small stream while its share of the CPU lasts, and only key frames when not.
    `on_look(camera_id, look, at_s)` is called in the reader's thread."""

    def __init__(
        self,
        camera_id: str,
        finder: MotionFinder,
        share: MotionShare,
        on_look: Callable[[str, Look, float], None],
        looks_per_s: float = 2.0,
    ) -> None:
        self._camera_id, self._finder, self._share, self._on_look = camera_id, finder, share, on_look
        self._pause_s = 1 / looks_per_s
        self._next_s = 0.0
        self._context: Any = None
        self._follow = False

    def opened(self, stream: Any) -> None:
        """A decoder of one thread: many cameras share few cores."""
        self._context = stream.codec_context
        self._context.thread_count = 1
        self._follow = False
        self._share.join(self._camera_id, 0.0)

    def packet(self, packet: Any, at_s: float) -> None:
        """Decodes it if its group can be afforded; what cannot be decoded is no motion."""
        began = time.thread_time()
        if packet.is_keyframe:
            self._follow = self._share.afford(self._camera_id, at_s)
        if not (self._follow or packet.is_keyframe):
            return
        for frame in decoded(packet):
            if at_s >= self._next_s:
                self._next_s = at_s + self._pause_s * 0.95
                self._on_look(self._camera_id, self._finder.look(grey(frame, TINY)), at_s)
        self._share.spend(self._camera_id, time.thread_time() - began)

    def closed(self) -> None:
        """The next connection begins anew."""
        self._share.leave(self._camera_id)
        self._context = None


def _region(polygon: Polygon) -> NDArray[np.bool_]:
    """The polygon (corners from 0 to 1, right and down) as a mask of TINY size."""
    mask = np.zeros((TINY[1], TINY[0]), np.uint8)
    corners = np.array([(x * (TINY[0] - 1), y * (TINY[1] - 1)) for x, y in polygon])
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    return mask > 0

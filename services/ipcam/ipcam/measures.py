"""Turns one small grey picture into numbers: light, noise, structure, sharpness, the run of its edges, and what changed since the ones before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ipcam.media import SMALL, Grey

Field = NDArray[np.float32]
CHANGE_TILES = (16, 9)
COARSE = (SMALL[0] // 4, SMALL[1] // 4)


@dataclass(frozen=True)
class Measures:
    """One picture in numbers. `agreement` (0 to 1) is how far its edges run where and as the reference's do; `tiles_lost` the share of the
    picture's tiles where they do not. `still` is for how many looks nothing has moved, `change` the least
    difference to any of those in the median tile (grey levels): what noise alone makes."""

    mean: float
    p95: float
    spread: float
    bright_share: float
    noise: float
    structure: float
    sharpness: float
    agreement: float | None = None
    tiles_lost: float | None = None
    change: float | None = None
    still: int = 0


def measure(picture: Grey) -> tuple[Measures, Any, Any]:
    """The measures, and the direction of the picture's edges (along, across)."""
    histogram = np.bincount(picture.ravel(), minlength=256).cumsum() / picture.size
    low, high = int(np.searchsorted(histogram, 0.05)), int(np.searchsorted(histogram, 0.95))
    checked = cv2.filter2D(picture, cv2.CV_16S, _NOISE_KERNEL)
    noise = 1.4826 * float(np.median(np.abs(checked))) / 6
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.2)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    power = gx * gx + gy * gy
    # Only gradients that stand above the noise are edges; the double angle makes both flanks of a line count alike.
    floor = (0.8 + 0.45 * noise) ** 2
    weight = power / (power + 4 * floor)
    scale = weight / (power + 1e-6)
    along, across = (gx * gx - gy * gy) * scale, 2 * gx * gy * scale
    measures = Measures(
        mean=float(picture.mean()),
        p95=float(high),
        spread=float(high - low),
        bright_share=1.0 - float(histogram[244]),
        noise=noise,
        structure=float((weight > 0.5).mean()),
        sharpness=_sharpness(picture, power),
    )
    return measures, along, across


def _sharpness(picture: Grey, power: Field) -> float:
    """How steep the fine gradient is where the coarse one is strong: an edge out of focus is as high as before, but wide. Where to look is
    decided at the coarse scale, where noise has no say, and what noise adds to the fine power is taken off."""
    coarse = cv2.GaussianBlur(cv2.resize(picture, COARSE, interpolation=cv2.INTER_AREA), (0, 0), 1.2)
    gx = cv2.Sobel(coarse, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(coarse, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    coarse_power = gx * gx + gy * gy
    count = coarse_power.size // 12
    strong = coarse_power >= np.partition(coarse_power.ravel(), -count)[-count]
    fine_power = cv2.resize(power, COARSE, interpolation=cv2.INTER_AREA)
    noise_power = 1.44 * float(np.median(power))  # of noise alone the mean is 1.44 times the median
    return float(np.sqrt(max(0.0, fine_power[strong].mean() - noise_power) / (coarse_power[strong].mean() + 0.25)))


_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def changes(picture: Grey, before: Sequence[Grey], moved_at: float) -> tuple[float, int]:
    """Goes back in time as long as nothing moves (the tile busier than nineteen in twenty stays below `moved_at`): the least change of the
    median tile on that way, and how many looks it is long. When something moved since the last look: the change since that one, and 0."""
    least, still = 255.0, 0
    for other in reversed(before):
        tiles = np.sort(
            cv2.resize(
                cv2.absdiff(picture, other).astype(np.float32), CHANGE_TILES, interpolation=cv2.INTER_AREA
            ).ravel()
        )
        if tiles[len(tiles) * 19 // 20] > moved_at:
            return (least if still else float(tiles[len(tiles) // 2])), still
        least, still = min(least, float(tiles[len(tiles) // 2])), still + 1
    return least, still

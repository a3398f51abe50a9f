"""Finds what is wrong with a camera's picture by comparing a small grey copy with what this camera usually shows."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ipcam.domain.faults import Fault
from ipcam.media import SMALL, Grey

Field = NDArray[np.float32]

#: The faults of the picture, the one that explains the others first: a black picture is also low in contrast.
PICTURE_FAULTS = (
    Fault.BLACK,
    Fault.OVEREXPOSED,
    Fault.NOISY,
    Fault.COVERED,
    Fault.TURNED,
    Fault.LOW_CONTRAST,
    Fault.BLURRED,
    Fault.FROZEN,
)
#: With these the encoder finds nothing to encode, so that a live picture stands still too.
HIDES_NOISE = (Fault.BLACK, Fault.OVEREXPOSED, Fault.COVERED, Fault.LOW_CONTRAST)
LEARN_LOOKS = 6
TILES = (8, 6)
CHANGE_TILES = (16, 9)
MEMORY = 5
COARSE = (SMALL[0] // 4, SMALL[1] // 4)
EDITION = 1


@dataclass(frozen=True)
class Thresholds:
    """Where a measure becomes a fault; measured on the labelled set (tests/integration/ipcam/labelled.py).

    Ratios are to the camera's own reference.
    """

    black_p95: float = 34.0
    overexposed_share: float = 0.5
    overexposed_mean: float = 205.0
    noise_sigma: float = 9.0
    noise_ratio: float = 3.0
    agreement: float = 0.35
    covered_structure: float = 0.45
    low_contrast_ratio: float = 0.34
    low_contrast_spread: float = 34.0
    blurred_ratio: float = 0.78
    frozen_change: float = 0.06
    frozen_ratio: float = 0.25
    moved: float = 3.0
    tiles_lost: float = 0.6
    surely_same: float = 0.4


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


@dataclass(frozen=True)
class Judgement:
    """What one look says: the fault that shows (None: the picture is well), the measures, and whether the reference is still being learned."""

    fault: Fault | None
    frozen: bool | None
    measures: Measures
    learning: bool

    def shows(self, fault: Fault) -> bool | None:
        """Whether this fault shows; None when the look cannot tell, as when another fault hides the picture."""
        if fault is Fault.FROZEN:
            return self.frozen
        if self.learning and fault not in (Fault.BLACK, Fault.OVEREXPOSED):
            return None
        if self.fault is fault:
            return True
        hidden = self.fault is not None and PICTURE_FAULTS.index(self.fault) < PICTURE_FAULTS.index(fault)
        return None if hidden else False


@dataclass(frozen=True)
class Reference:
    """What this camera usually shows: the direction field of its lasting edges (double angle, so that light and dark may swap), and its usual
    measures. Immutable; a clean look makes the next one."""

    along: Field
    across: Field
    mean: float
    spread: float
    bright_share: float
    noise: float
    structure: float
    sharpness: float
    quiet: float
    looks: int

    def to_bytes(self) -> bytes:
        """For the store, so that the camera's next worker need not learn anew (about 60 KB)."""
        out = io.BytesIO()
        numbers = [
            self.mean,
            self.spread,
            self.bright_share,
            self.noise,
            self.structure,
            self.sharpness,
            self.quiet,
            self.looks,
        ]
        fields = np.clip(np.stack([self.along, self.across]) * 127, -127, 127).astype(np.int8)
        np.savez_compressed(out, edition=EDITION, fields=fields, numbers=np.array(numbers))
        return out.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Reference | None:
        """The stored reference; None when it is of another edition or size, and must be learned anew."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            fields = stored["fields"].astype(np.float32) / 127
            if int(stored["edition"]) != EDITION or fields.shape != (2, SMALL[1], SMALL[0]):
                return None
            *numbers, looks = (float(n) for n in stored["numbers"])
        return Reference(fields[0], fields[1], *numbers, looks=int(looks))  # type: ignore[misc,arg-type]


class PictureJudge:
    """Judges one camera's looks, and learns its reference from the clean ones. Not thread-safe; about 3 ms a look."""

    def __init__(
        self,
        reference: Reference | None = None,
        thresholds: Thresholds = Thresholds(),
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        self.reference, self._limits = reference, thresholds
        self._mask = mask
        self._last: deque[Grey] = deque(maxlen=MEMORY)
        self._same: deque[bool] = deque(maxlen=MEMORY)

    def relearn(self) -> None:
        """Forgets the reference: the camera was moved on purpose."""
        self.reference = None
        self._last.clear()
        self._same.clear()

    def look(self, picture: Grey) -> Judgement:
        """Judges one picture of SMALL size. Call it in the order of time."""
        measures, along, across = _measure(picture)
        if self._last:
            change, still = _changes(picture, self._last, self._limits.moved)
            measures = replace(measures, change=change, still=still)
        self._last.append(picture)
        learning = self.reference is None or self.reference.looks < LEARN_LOOKS
        if self.reference is not None:
            agreement, lost = _agreement(self.reference, along, across)
            measures = replace(measures, agreement=agreement, tiles_lost=lost)
        fault = _absolute(measures, self.reference, self._limits)
        if fault is None and not learning and self.reference is not None:
            fault = _relative(measures, self.reference, self._limits)
        frozen = self._frozen(measures, fault)
        sure = learning or measures.tiles_lost is None or measures.tiles_lost < self._limits.surely_same
        if fault is None and not frozen and sure:  # what is only nearly a fault must not become the new usual
            self.reference = _learned(self.reference, measures, along, across)
        return Judgement(fault or (Fault.FROZEN if frozen else None), frozen, measures, learning)

    def _frozen(self, now: Measures, fault: Fault | None) -> bool | None:
        """A live sensor's noise stirs every tile of every picture; a frozen one gives the same picture again as soon as the encoder chooses the
        same quantiser again, and nothing moves meanwhile, but for the tiles in which the camera writes its clock."""
        if now.change is None or fault in HIDES_NOISE:
            return None
        usual = self.reference.quiet if self.reference else 0.0
        same = now.change < max(self._limits.frozen_change, self._limits.frozen_ratio * usual)
        self._same.append(same)
        # Twice, because one picture may come twice; and not each time, because the encoder does not choose alike each time.
        return now.still >= 2 and sum(self._same) >= 2


def _measure(picture: Grey) -> tuple[Measures, Any, Any]:
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


def _changes(picture: Grey, before: Sequence[Grey], moved_at: float) -> tuple[float, int]:
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


def _agreement(reference: Reference, along: Field, across: Field) -> tuple[float, float]:
    """How the edges agree where the reference has lasting ones: over all, and the share of tiles where they do not."""
    size = reference.along**2 + reference.across**2
    same = reference.along * along + reference.across * across
    total = float(size.sum()) + 1e-6
    tile_size = cv2.resize(size, TILES, interpolation=cv2.INTER_AREA)
    tile_same = cv2.resize(same, TILES, interpolation=cv2.INTER_AREA)
    known = tile_size > 0.15 * tile_size.max()
    lost = (tile_same < 0.3 * tile_size) & known
    return float(same.sum()) / total, float(lost.sum() / max(1, known.sum()))


def _absolute(now: Measures, usual: Reference | None, limits: Thresholds) -> Fault | None:
    """Faults that need no reference; a place that is usually bright may be brighter."""
    if now.p95 < limits.black_p95 and now.spread < limits.black_p95:
        return Fault.BLACK
    if now.bright_share > max(limits.overexposed_share, (usual.bright_share if usual else 0.0) + 0.3):
        return Fault.OVEREXPOSED
    if usual and now.mean > max(limits.overexposed_mean, usual.mean + 60):
        return Fault.OVEREXPOSED
    return None


def _relative(now: Measures, usual: Reference, limits: Thresholds) -> Fault | None:
    assert now.agreement is not None and now.tiles_lost is not None
    if now.noise > max(limits.noise_sigma, limits.noise_ratio * usual.noise):
        return Fault.NOISY
    if now.agreement < limits.agreement and now.tiles_lost > limits.tiles_lost:
        return Fault.COVERED if now.structure < limits.covered_structure * usual.structure else Fault.TURNED
    if now.spread < min(limits.low_contrast_spread, limits.low_contrast_ratio * usual.spread):
        return Fault.LOW_CONTRAST
    if now.sharpness < limits.blurred_ratio * usual.sharpness:
        return Fault.BLURRED
    return None


def _learned(usual: Reference | None, now: Measures, along: Field, across: Field) -> Reference:
    """Quick at first, slow afterwards: the seasons may change the picture, an hour may not."""
    change = now.change
    if usual is None:
        return Reference(
            along,
            across,
            now.mean,
            now.spread,
            now.bright_share,
            now.noise,
            now.structure,
            now.sharpness,
            change or 0.0,
            1,
        )
    share = 1 / (usual.looks + 1) if usual.looks < LEARN_LOOKS else 0.02

    def mixed(old: float, new: float) -> float:
        return old + share * (new - old)

    quiet = usual.quiet
    if change is not None:  # the quietest of late, not the mean: trucks and people are not quiet
        quiet = (
            change
            if usual.quiet == 0.0
            else (
                min(usual.quiet, change)
                if usual.looks < LEARN_LOOKS
                else usual.quiet + (0.3 if change < usual.quiet else 0.004) * (change - usual.quiet)
            )
        )
    return Reference(
        usual.along + np.float32(share) * (along - usual.along),
        usual.across + np.float32(share) * (across - usual.across),
        mixed(usual.mean, now.mean),
        mixed(usual.spread, now.spread),
        mixed(usual.bright_share, now.bright_share),
        mixed(usual.noise, now.noise),
        mixed(usual.structure, now.structure),
        mixed(usual.sharpness, now.sharpness),
        quiet,
        usual.looks + 1,
    )

"""Finds what is wrong with a camera's picture by comparing a small grey copy with what this camera usually shows."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

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
LEARN_LOOKS = 6
TILES = (8, 6)
EDITION = 1


@dataclass(frozen=True)
class Thresholds:
    """Where a measure becomes a fault; measured on the labelled set (tests/integration/ipcam/labelled.py), ratios are to the camera's own reference."""

    black_p95: float = 34.0
    overexposed_share: float = 0.5
    noise_sigma: float = 9.0
    noise_ratio: float = 3.0
    agreement: float = 0.25
    covered_structure: float = 0.45
    low_contrast_ratio: float = 0.34
    blurred_ratio: float = 0.45
    frozen_change: float = 0.10
    frozen_ratio: float = 0.4
    tiles_lost: float = 0.7


@dataclass(frozen=True)
class Measures:
    """One picture in numbers. `agreement` (-1 to 1) is how far its edges run where and as the reference's do; `tiles_lost` the share of the
    picture's tiles where they do not; `change` the median change over tiles since the last look (grey levels)."""

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
        numbers = [self.mean, self.spread, self.bright_share, self.noise, self.structure, self.sharpness, self.quiet, self.looks]
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
        return Reference(fields[0], fields[1], *numbers, looks=int(looks))


class PictureJudge:
    """Judges one camera's looks, and learns its reference from the clean ones. Not thread-safe; about 3 ms a look."""

    def __init__(self, reference: Reference | None = None, thresholds: Thresholds = Thresholds(), mask: NDArray[np.bool_] | None = None) -> None:
        self.reference, self._limits = reference, thresholds
        self._mask = mask
        self._last: Grey | None = None

    def relearn(self) -> None:
        """Forgets the reference: the camera was moved on purpose."""
        self.reference, self._last = None, None

    def look(self, picture: Grey) -> Judgement:
        """Judges one picture of SMALL size. Call it in the order of time."""
        measures, along, across = _measure(picture)
        if self._last is not None:
            measures = replace(measures, change=_median_tile(cv2.absdiff(picture, self._last)))
        self._last = picture
        learning = self.reference is None or self.reference.looks < LEARN_LOOKS
        if self.reference is not None:
            agreement, lost = _agreement(self.reference, along, across)
            measures = replace(measures, agreement=agreement, tiles_lost=lost)
        fault = _absolute(measures, self.reference, self._limits)
        if fault is None and not learning and self.reference is not None:
            fault = _relative(measures, self.reference, self._limits)
        frozen = self._frozen(measures, fault, learning)
        if fault is None and not frozen:
            self.reference = _learned(self.reference, measures, along, across)
        return Judgement(fault or (Fault.FROZEN if frozen else None), frozen, measures, learning)

    def _frozen(self, now: Measures, fault: Fault | None, learning: bool) -> bool | None:
        """A live sensor's noise stirs every tile; a frozen one stirs none, or only those where the camera's clock is written."""
        if now.change is None or fault in (Fault.BLACK, Fault.OVEREXPOSED):
            return None
        if now.change < 0.02:
            return True
        if learning or self.reference is None:
            return None
        return now.change < min(self._limits.frozen_change * 10, max(self._limits.frozen_change, self._limits.frozen_ratio * self.reference.quiet))


def _measure(picture: Grey) -> tuple[Measures, Field, Field]:
    histogram = np.bincount(picture.ravel(), minlength=256).cumsum() / picture.size
    low, high = int(np.searchsorted(histogram, 0.05)), int(np.searchsorted(histogram, 0.95))
    fine = cv2.Laplacian(picture, cv2.CV_16S, ksize=1)
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
    strong = np.sqrt(np.partition(power.ravel(), -power.size // 20)[-power.size // 20 :].mean())
    fine_power = max(0.0, float((fine.astype(np.float32) ** 2).mean()) - 20 * noise * noise)
    measures = Measures(
        mean=float(picture.mean()),
        p95=float(high),
        spread=float(high - low),
        bright_share=1.0 - float(histogram[244]),
        noise=noise,
        structure=float((weight > 0.5).mean()),
        sharpness=float(np.sqrt(fine_power) / (strong + 0.5)),
    )
    return measures, along, across


_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def _median_tile(change: Grey) -> float:
    return float(np.median(cv2.resize(change.astype(np.float32), TILES, interpolation=cv2.INTER_AREA)))


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
    return None


def _relative(now: Measures, usual: Reference, limits: Thresholds) -> Fault | None:
    assert now.agreement is not None and now.tiles_lost is not None
    if now.noise > max(limits.noise_sigma, limits.noise_ratio * usual.noise):
        return Fault.NOISY
    if now.agreement < limits.agreement and now.tiles_lost > limits.tiles_lost:
        return Fault.COVERED if now.structure < limits.covered_structure * usual.structure else Fault.TURNED
    if now.spread < limits.low_contrast_ratio * usual.spread:
        return Fault.LOW_CONTRAST
    if now.sharpness < limits.blurred_ratio * usual.sharpness:
        return Fault.BLURRED
    return None


def _learned(usual: Reference | None, now: Measures, along: Field, across: Field) -> Reference:
    """Quick at first, slow afterwards: the seasons may change the picture, an hour may not."""
    change = now.change
    if usual is None:
        return Reference(along, across, now.mean, now.spread, now.bright_share, now.noise, now.structure, now.sharpness, change or 0.0, 1)
    share = max(0.02, 1 / (usual.looks + 1))

    def mixed(old: float, new: float) -> float:
        return old + share * (new - old)

    quiet = usual.quiet
    if change is not None:  # the quietest of late, not the mean: trucks and people are not quiet
        quiet = change if usual.quiet == 0.0 else (min(usual.quiet, change) if usual.looks < LEARN_LOOKS else usual.quiet + (0.3 if change < usual.quiet else 0.004) * (change - usual.quiet))
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

"""Finds what is wrong with a camera's picture by comparing a small grey copy with what this camera usually shows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from ipcam.domain.faults import Fault
from ipcam.measures import Measures, changes, measure
from ipcam.media import Grey
from ipcam.reference import LEARN_LOOKS, Reference, agreement, learned, shines_through

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
MEMORY = 5


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
    shining_through: float = 0.3
    low_contrast_ratio: float = 0.34
    low_contrast_spread: float = 34.0
    blurred_ratio: float = 0.78
    frozen_change: float = 0.06
    frozen_ratio: float = 0.25
    moved: float = 3.0
    tiles_lost: float = 0.6
    surely_same: float = 0.4


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


class PictureJudge:
    """Judges one camera's looks, and learns its reference from the clean ones. Not thread-safe; about 3 ms a look."""

    def __init__(
        self,
        reference: Reference | None = None,
        thresholds: Thresholds = Thresholds(),
    ) -> None:
        self.reference, self._limits = reference, thresholds
        self._last: deque[Grey] = deque(maxlen=MEMORY)
        self._same: deque[bool] = deque(maxlen=MEMORY)

    @property
    def settled(self) -> Reference | None:
        """The reference once it is learned, before that None."""
        known = self.reference
        return known if known is not None and known.looks >= LEARN_LOOKS else None

    def relearn(self) -> None:
        """Forgets the reference: the camera was moved on purpose."""
        self.reference = None
        self._last.clear()
        self._same.clear()

    def look(self, picture: Grey) -> Judgement:
        """Judges one picture of SMALL size. Call it in the order of time."""
        measures, along, across = measure(picture)
        if self._last:
            change, still = changes(picture, self._last, self._limits.moved)
            measures = replace(measures, change=change, still=still)
        self._last.append(picture)
        learning = self.reference is None or self.reference.looks < LEARN_LOOKS
        if self.reference is not None:
            agrees, lost = agreement(self.reference, along, across)
            measures = replace(measures, agreement=agrees, tiles_lost=lost)
        fault = _absolute(measures, self.reference, self._limits)
        if fault is None and not learning and self.reference is not None:
            fault = _relative(measures, self.reference, self._limits, picture)
        frozen = self._frozen(measures, fault)
        sure = learning or measures.tiles_lost is None or measures.tiles_lost < self._limits.surely_same
        if fault is None and not frozen and sure:  # what is only nearly a fault must not become the new usual
            self.reference = learned(self.reference, measures, along, across)
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


def _absolute(now: Measures, usual: Reference | None, limits: Thresholds) -> Fault | None:
    """Faults that need no reference; a place that is usually bright may be brighter."""
    if now.p95 < limits.black_p95 and now.spread < limits.black_p95:
        return Fault.BLACK
    if now.bright_share > max(limits.overexposed_share, (usual.bright_share if usual else 0.0) + 0.3):
        return Fault.OVEREXPOSED
    if usual and now.mean > max(limits.overexposed_mean, usual.mean + 60):
        return Fault.OVEREXPOSED
    return None


def _relative(now: Measures, usual: Reference, limits: Thresholds, picture: Grey) -> Fault | None:
    assert now.agreement is not None and now.tiles_lost is not None
    if now.noise > max(limits.noise_sigma, limits.noise_ratio * usual.noise):
        return Fault.NOISY
    if now.agreement < limits.agreement and now.tiles_lost > limits.tiles_lost:
        smooth = now.structure < limits.covered_structure * usual.structure
        if (
            smooth and shines_through(usual, picture) > limits.shining_through
        ):  # by night little is left of a faint scene
            return Fault.LOW_CONTRAST
        return Fault.COVERED if smooth else Fault.TURNED
    if now.spread < min(limits.low_contrast_spread, limits.low_contrast_ratio * usual.spread):
        return Fault.LOW_CONTRAST
    if now.sharpness < limits.blurred_ratio * usual.sharpness:
        return Fault.BLURRED
    return None

"""What a camera usually shows: learned from its clean pictures, kept for its next watcher, compared with every new one."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np

from ipcam.measures import Field, Measures
from ipcam.media import SMALL, Grey

LEARN_LOOKS = 6
TILES = (8, 6)
EDITION = 1


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


def agreement(reference: Reference, along: Field, across: Field) -> tuple[float, float]:
    """How the edges agree where the reference has lasting ones: over all, and the share of tiles where they do not."""
    size = reference.along**2 + reference.across**2
    same = reference.along * along + reference.across * across
    total = float(size.sum()) + 1e-6
    tile_size = cv2.resize(size, TILES, interpolation=cv2.INTER_AREA)
    tile_same = cv2.resize(same, TILES, interpolation=cv2.INTER_AREA)
    known = tile_size > 0.15 * tile_size.max()
    lost = (tile_same < 0.3 * tile_size) & known
    return float(same.sum()) / total, float(lost.sum() / max(1, known.sum()))


def sameness(reference: Reference, along: Field, across: Field, part: tuple[float, float, float, float]) -> float:
    """How far the edges inside a part of the picture (left, top, right, bottom as shares) run as the lasting ones there do: 1 for what always
    stands there, near 0 for what stands before it."""
    left, top, right, bottom = (round(share * size) for share, size in zip(part, SMALL * 2, strict=True))
    inside = np.s_[max(0, top) : max(top, bottom) + 1, max(0, left) : max(left, right) + 1]
    along, across = along[inside], across[inside]
    same = reference.along[inside] * along + reference.across[inside] * across
    return float(same.sum() / ((along**2 + across**2).sum() + 1e-6))


def shines_through(reference: Reference, picture: Grey) -> float:
    """How far even the faintest gradients still run as the lasting edges do (0: they have nothing to do with them, 1: everywhere). However weak a
    scene is, noise turns its edges to all sides alike: what remains on the average is the scene."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2.5)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    power = gx * gx + gy * gy + 1e-4
    same = (reference.along * (gx * gx - gy * gy) + reference.across * 2 * gx * gy) / power
    return float(same.sum() / (np.hypot(reference.along, reference.across).sum() + 1e-6))


def learned(usual: Reference | None, now: Measures, along: Field, across: Field) -> Reference:
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

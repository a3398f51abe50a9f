"""Draws what a quarantine-site camera would see: its place with people and trucks, by day, by night and in rain, sound or broken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.simulators.cameras.places import Image, texture, world

CONDITIONS = ("day", "night", "rain")
#: Faults that change the picture. (Faults of the wire are made by the server.)
PICTURE_FAULTS = ("black", "freeze", "cover", "blur", "turn", "overexpose", "low-contrast", "noise")

VIEW = (1280, 720)
#: Where in the world (upper left corner) a camera looks, and where after it was turned.
HOME = (160, 180)
TURNED = (1080, 60)


@dataclass(frozen=True)
class Look:
    """What to draw: the place, the light, an optional fault, how busy it is, and the period after which everything repeats (seconds)."""

    place: str
    condition: str = "day"
    fault: str | None = None
    actors: int = 2
    trucks: int = 0
    period_s: float = 12.0
    seed: int = 0


def _person(image: Image, x: float, foot: float, size: float, phase: float, colour: tuple[int, int, int]) -> None:
    """A walking figure of the given height in pixels whose feet stand at (x, foot)."""
    swing = math.sin(phase) * size * 0.12
    for side in (-1, 1):
        cv2.line(
            image,
            (int(x), int(foot - size * 0.45)),
            (int(x + side * swing), int(foot)),
            (50, 48, 46),
            max(2, int(size * 0.09)),
            cv2.LINE_AA,
        )
    cv2.ellipse(
        image,
        (int(x), int(foot - size * 0.62)),
        (max(2, int(size * 0.14)), max(3, int(size * 0.24))),
        0,
        0,
        360,
        colour,
        -1,
        cv2.LINE_AA,
    )
    cv2.line(
        image,
        (int(x), int(foot - size * 0.75)),
        (int(x + swing * 1.4), int(foot - size * 0.45)),
        colour,
        max(2, int(size * 0.07)),
        cv2.LINE_AA,
    )
    cv2.circle(image, (int(x), int(foot - size * 0.92)), max(2, int(size * 0.085)), (150, 180, 214), -1, cv2.LINE_AA)
    cv2.ellipse(
        image,
        (int(x), int(foot - size * 0.955)),
        (max(2, int(size * 0.085)), max(1, int(size * 0.05))),
        0,
        180,
        360,
        (30, 30, 30),
        -1,
    )


def _truck(image: Image, x: float, y: float, scale: float) -> None:
    s = scale
    cv2.rectangle(image, (int(x), int(y - 190 * s)), (int(x + 380 * s), int(y - 30 * s)), (150, 120, 60), -1)
    for rib in range(1, 8):
        cv2.line(
            image, (int(x + rib * 47 * s), int(y - 186 * s)), (int(x + rib * 47 * s), int(y - 34 * s)), (120, 92, 40), 3
        )
    cv2.rectangle(image, (int(x + 390 * s), int(y - 150 * s)), (int(x + 490 * s), int(y - 30 * s)), (60, 60, 190), -1)
    cv2.rectangle(image, (int(x + 425 * s), int(y - 138 * s)), (int(x + 480 * s), int(y - 95 * s)), (200, 190, 170), -1)
    for wheel in (70, 150, 430):
        cv2.circle(image, (int(x + wheel * s), int(y - 24 * s)), int(32 * s), (30, 30, 30), -1, cv2.LINE_AA)
        cv2.circle(image, (int(x + wheel * s), int(y - 24 * s)), int(13 * s), (140, 140, 140), -1, cv2.LINE_AA)


COLOURS = ((200, 120, 60), (80, 80, 200), (230, 230, 235), (90, 170, 90), (60, 160, 220), (160, 70, 150))


def _populate(image: Image, look: Look, t: float, offset: tuple[int, int]) -> None:
    """People walk to and fro, each on a line and at a speed of his own that divides the period; trucks cross once a period."""
    rng = np.random.default_rng([look.seed, 77])
    for index in range(look.actors):
        depth, start, laps = 0.25 + 0.6 * rng.random(), rng.random(), int(rng.integers(1, 3))
        turn = (start + laps * t / look.period_s) % 1.0
        along = 2 * turn if turn < 0.5 else 2 - 2 * turn
        x = (100 + along * 1200) if look.place != "corridor" else (760 + (along - 0.5) * (160 + 700 * depth))
        foot = 560 + 320 * depth
        _person(
            image,
            x - offset[0],
            foot - offset[1],
            90 + 190 * depth,
            t * 8 + index,
            COLOURS[(index + look.seed) % len(COLOURS)],
        )
    for index in range(look.trucks):
        turn = (t / look.period_s + index / max(1, look.trucks)) % 1.0
        if turn < 0.45:
            _truck(image, -520 + turn / 0.45 * 2600 - offset[0], 850 - offset[1], 1.35)


def _light(image: Image, look: Look, night: float) -> Image:
    """Night: an infra-red picture, grey, dim at the rim, bright near the lamp; 0 is day and 1 is night."""
    if night <= 0:
        return image
    height, width = image.shape[:2]
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(np.float32)
    return np.clip(image * (1 - night) + (grey * _lamp(height, width) + 6) * night, 0, 255).astype(np.uint8)


@lru_cache(maxsize=8)
def _lamp(height: int, width: int) -> NDArray[np.float32]:
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    return (
        0.12
        + 0.55 * np.exp(-(((xx - width * 0.5) / (width * 0.38)) ** 2 + ((yy - height * 0.6) / (height * 0.45)) ** 2))
    )[:, :, None]


def _rain(image: Image, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    grey = image.astype(np.float32)
    image = np.clip(grey * 0.72 + grey.mean() * 0.2, 0, 255).astype(np.uint8)
    streaks = np.zeros((height, width), np.uint8)
    for _ in range(int(260 * width / 1280)):
        x, y, length = rng.integers(0, width), rng.integers(0, height), rng.integers(height // 40 + 2, height // 14 + 3)
        cv2.line(streaks, (int(x), int(y)), (int(x - length // 6), int(y + length)), 90, 1)
    return cv2.add(image, cv2.cvtColor(streaks, cv2.COLOR_GRAY2BGR))


def _noise(image: Image, rng: np.random.Generator, sigma: float) -> Image:
    """Sensor noise; a quarter of the picture is drawn and tiled at a random place, because noise for every pixel costs more than the rest."""
    height, width = image.shape[:2]
    block = rng.normal(0, sigma, (height // 2 + 64, width // 2 + 64)).astype(np.int16)
    dy, dx = (int(v) for v in rng.integers(0, 64, 2))
    half = block[dy : dy + height // 2, dx : dx + width // 2]
    full = np.block([[half, half[:, ::-1]], [half[::-1], half[::-1, ::-1]]])
    out = image[: full.shape[0], : full.shape[1]].astype(np.int16) + full[:, :, None]
    return np.clip(out, 0, 255).astype(np.uint8)


def _broken(image: Image, fault: str, rng: np.random.Generator) -> Image:
    """The picture that a camera with this fault delivers (freeze and turn are made before this point)."""
    height, width = image.shape[:2]
    if fault == "black":
        return np.full_like(image, 4)
    if fault == "cover":
        still = np.random.default_rng(5)
        cloth = 38 + texture(still, height, width, max(8, width // 10), 9.0) + texture(still, height, width, 3, 1.5)
        covered = np.clip(cloth, 0, 255).astype(np.uint8)[:, :, None] * np.array([0.8, 0.95, 1.2])
        out = np.clip(covered, 0, 255).astype(np.uint8)
        edge = height // 12  # a rim of the scene stays in sight, as when a bag is pulled over the lens
        out[:edge, -width // 4 :] = cv2.GaussianBlur(image[:edge, -width // 4 :], (0, 0), width / 160)
        return out
    if fault == "blur":
        return cv2.GaussianBlur(image, (0, 0), width / 110)
    if fault == "overexpose":
        return np.clip(image.astype(np.float32) * 2.6 + 105, 0, 255).astype(np.uint8)
    if fault == "low-contrast":
        mean = float(image.mean())
        return np.clip((image.astype(np.float32) - mean) * 0.13 + max(mean, 90), 0, 255).astype(np.uint8)
    if fault == "noise":
        noisy = _noise(image, rng, 62.0)
        for _ in range(14):
            y = int(rng.integers(0, height - 4))
            noisy[y : y + int(rng.integers(1, 4))] = rng.integers(0, 255, (1, width, 1), dtype=np.uint8)
        return noisy
    return image


def frame(look: Look, t: float, size: tuple[int, int] = VIEW, night: float | None = None, nth: int = 0) -> Image:
    """The BGR picture at second `t`, `size` = (width, height). `night` (0 to 1) overrides the condition; `nth` varies the noise."""
    offset = TURNED if look.fault == "turn" else HOME
    moment = 0.0 if look.fault == "freeze" else t
    scene = world(look.place, look.seed)[offset[1] : offset[1] + VIEW[1], offset[0] : offset[0] + VIEW[0]].copy()
    _populate(scene, look, moment, offset)
    if size != VIEW:
        scene = cv2.resize(scene, size, interpolation=cv2.INTER_AREA)
    dark = (1.0 if look.condition == "night" else 0.0) if night is None else night
    rng = np.random.default_rng([look.seed, 0 if look.fault == "freeze" else int(t * 1000) + nth])
    scene = _light(scene, look, dark)
    if look.condition == "rain":
        scene = _rain(scene, rng)
    if look.fault:
        scene = _broken(scene, look.fault, rng)
    return _noise(scene, rng, 2.0 + 3.5 * dark)


def caption(image: Image, text: str) -> Image:
    """Writes the camera's on-screen text, as cameras do, into the upper left corner (ASCII only: it is the camera's own font)."""
    scale = image.shape[1] / 1280
    for colour, thick in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.putText(
            image,
            text,
            (int(24 * scale), int(48 * scale)),
            cv2.FONT_HERSHEY_SIMPLEX,
            1.1 * scale,
            colour,
            max(1, int(thick * scale)),
            cv2.LINE_AA,
        )
    return image

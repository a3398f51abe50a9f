"""Draws what a quarantine-site camera would see: four textured places with people and trucks, by day, night and rain, sound or broken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

PLACES = ("corridor", "yard", "gate", "lobby")
CONDITIONS = ("day", "night", "rain")
#: Faults that change the picture. (Faults of the wire are made by the server.)
PICTURE_FAULTS = ("black", "freeze", "cover", "blur", "turn", "overexpose", "low-contrast", "noise")

#: The world is painted larger than the view, so that a turned camera sees another part of the same place.
WORLD = (2400, 1080)
VIEW = (1280, 720)
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


def _texture(rng: np.random.Generator, height: int, width: int, cell: int, strength: float) -> NDArray[np.float32]:
    """Smooth random relief of the given cell size (pixels) and strength (grey levels)."""
    small = rng.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC) * strength


def _fill(image: Image, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(image, [np.array(points, np.int32)], colour, cv2.LINE_AA)


def _bricks(image: Image, x0: int, y0: int, x1: int, y1: int, rng: np.random.Generator) -> None:
    for row, y in enumerate(range(y0, y1, 18)):
        for x in range(x0 - (row % 2) * 20, x1, 40):
            shade = int(rng.integers(-16, 16))
            left, right = max(x + 1, x0), min(x + 39, x1)
            if right > left:
                cv2.rectangle(
                    image, (left, y + 1), (right, min(y + 17, y1)), (96 + shade, 116 + shade, 150 + shade), -1
                )


def _windows(image: Image, x0: int, y0: int, columns: int, rows: int, rng: np.random.Generator) -> None:
    for column in range(columns):
        for row in range(rows):
            x, y = x0 + column * 110, y0 + row * 130
            cv2.rectangle(image, (x, y), (x + 70, y + 84), (200, 205, 205), 6)
            shade = int(rng.integers(50, 110))
            cv2.rectangle(image, (x + 4, y + 4), (x + 66, y + 80), (shade + 20, shade + 8, shade), -1)
            cv2.line(image, (x + 35, y), (x + 35, y + 84), (200, 205, 205), 4)
            cv2.line(image, (x, y + 40), (x + 70, y + 40), (200, 205, 205), 3)


def _trees(image: Image, spots: list[tuple[int, int, int]], rng: np.random.Generator) -> None:
    for x, y, size in spots:
        cv2.rectangle(image, (x - size // 10, y - size), (x + size // 10, y), (50, 70, 90), -1)
        for _ in range(90):
            dx, dy = rng.normal(0, size / 3), rng.normal(0, size / 4)
            green = int(rng.integers(50, 140))
            cv2.circle(
                image,
                (int(x + dx), int(y - size * 1.2 + dy)),
                int(rng.integers(size // 14 + 2, size // 7 + 4)),
                (30, green, 40),
                -1,
            )


def _ground(image: Image, horizon: int, colour: tuple[int, int, int], rng: np.random.Generator, tiles: bool) -> None:
    width, height = WORLD
    cv2.rectangle(image, (0, horizon), (width, height), colour, -1)
    if not tiles:
        for _ in range(900):
            y = int(horizon + (height - horizon) * rng.random() ** 0.6)
            size = 1 + (y - horizon) // 90
            shade = int(rng.integers(-34, 34))
            cv2.circle(
                image,
                (int(rng.integers(0, width)), y),
                size,
                tuple(int(np.clip(c + shade, 0, 255)) for c in colour),
                -1,
            )
        return
    for index in range(-30, 60):
        cv2.line(
            image,
            (width // 2 + (index - 15) * 60, horizon),
            (width // 2 + (index - 15) * 330, height),
            (120, 125, 128),
            2,
            cv2.LINE_AA,
        )
    y, step = float(horizon), 6.0
    while y < height:
        cv2.line(image, (0, int(y)), (width, int(y)), (120, 125, 128), 2, cv2.LINE_AA)
        y, step = y + step, step * 1.35


@lru_cache(maxsize=32)
def world(place: str, seed: int) -> Image:
    """The empty place by day, BGR, WORLD sized; the same for the same seed."""
    rng = np.random.default_rng([seed, PLACES.index(place)])
    width, height = WORLD
    image = np.zeros((height, width, 3), np.uint8)
    {"corridor": _corridor, "yard": _yard, "gate": _gate, "lobby": _lobby}[place](image, rng)
    relief = _texture(rng, height, width, 3, 5.0) + _texture(rng, height, width, 60, 9.0)
    return np.clip(image.astype(np.float32) + relief[:, :, None], 0, 255).astype(np.uint8)


def _corridor(image: Image, rng: np.random.Generator) -> None:
    width, height = WORLD
    image[:] = (176, 190, 186)
    _ground(image, 470, (158, 164, 168), rng, tiles=True)
    cx, cy = 800, 400
    _fill(image, [(0, 0), (cx - 90, cy - 70), (cx - 90, cy + 90), (0, height)], (150, 178, 160))
    _fill(image, [(cx + 90, cy - 70), (1900, 0), (1900, height), (cx + 90, cy + 90)], (160, 188, 172))
    cv2.rectangle(image, (cx - 90, cy - 70), (cx + 90, cy + 90), (120, 140, 140), -1)
    cv2.rectangle(image, (cx - 50, cy - 30), (cx + 50, cy + 90), (215, 225, 220), -1)
    for near, far in ((0.16, 0.27), (0.36, 0.46), (0.54, 0.62), (0.69, 0.75), (0.80, 0.85)):
        for side in (-1, 1):
            reach = 710 if side < 0 else 1010
            a, b = side * (reach - near * (reach - 90)), side * (reach - far * (reach - 90))
            ga, gb = abs(a) / 90, abs(b) / 90
            colour = (70 + int(rng.integers(0, 40)), 90, 120)
            _fill(
                image,
                [(cx + a, cy - 40 * ga), (cx + b, cy - 40 * gb), (cx + b, cy + 82 * gb), (cx + a, cy + 82 * ga)],
                colour,
            )
            middle = (a + b) / 2
            cv2.rectangle(
                image,
                (int(cx + middle) - 9, int(cy - 48 * ga)),
                (int(cx + middle) + 9, int(cy - 44 * ga)),
                (245, 245, 245),
                -1,
            )
    for index in range(6):
        y = int(cy - 90 - 60 * 1.55**index)
        half = int(14 * 1.5**index)
        cv2.rectangle(image, (cx - half, y), (cx + half, y + 4 + 3 * index), (252, 252, 248), -1)
    _bricks(image, 1900, 0, width, height, rng)
    _windows(image, 1980, 240, 3, 4, rng)


def _yard(image: Image, rng: np.random.Generator) -> None:
    width, _ = WORLD
    image[:470] = np.linspace((235, 205, 170), (225, 222, 215), 470)[:, None, :].astype(np.uint8)
    _ground(image, 470, (112, 128, 134), rng, tiles=False)
    cv2.rectangle(image, (120, 150), (1050, 500), (150, 190, 205), -1)
    _bricks(image, 120, 430, 1050, 505, rng)
    _windows(image, 160, 190, 8, 2, rng)
    cv2.rectangle(image, (90, 120), (1080, 155), (70, 80, 150), -1)
    cv2.rectangle(image, (1400, 60), (2300, 520), (175, 180, 165), -1)
    _windows(image, 1440, 110, 7, 3, rng)
    _trees(image, [(1150, 540, 170), (1310, 590, 220), (60, 560, 200), (2280, 600, 210)], rng)
    _fill(image, [(520, 505), (700, 505), (1200, 1080), (300, 1080)], (150, 156, 160))
    for index in range(7):
        cv2.rectangle(image, (1250 + index * 150, 640), (1258 + index * 150, 760), (210, 210, 60), -1)
    cv2.line(image, (1250, 660), (2200, 660), (60, 60, 200), 5)


def _gate(image: Image, rng: np.random.Generator) -> None:
    width, height = WORLD
    image[:430] = np.linspace((240, 215, 180), (228, 226, 220), 430)[:, None, :].astype(np.uint8)
    _fill(
        image,
        [(0, 430), (300, 300), (700, 390), (1100, 260), (1700, 380), (2100, 290), (width, 400), (width, 480), (0, 480)],
        (110, 140, 100),
    )
    _ground(image, 450, (105, 112, 116), rng, tiles=False)
    _fill(image, [(620, 460), (980, 460), (1700, height), (-60, height)], (86, 88, 90))
    for index in range(7):
        y = 480 + index * index * 14
        cv2.rectangle(image, (800 - index, y), (808 + index, y + 8 + index * 4), (220, 220, 220), -1)
    for x in (430, 1130):
        _bricks(image, x, 190, x + 90, 620, rng)
        cv2.rectangle(image, (x - 10, 170), (x + 100, 195), (200, 205, 210), -1)
    cv2.rectangle(image, (420, 120), (1230, 175), (60, 50, 190), -1)
    for index in range(14):
        cv2.rectangle(image, (470 + index * 52, 135), (502 + index * 52, 160), (80, 220, 240), -1)
    cv2.rectangle(image, (180, 330), (400, 640), (190, 200, 170), -1)
    cv2.rectangle(image, (215, 380), (365, 480), (80, 70, 60), -1)
    _trees(image, [(1480, 560, 190), (1650, 620, 240), (2080, 600, 220)], rng)
    cv2.rectangle(image, (1780, 280), (2030, 560), (150, 150, 190), -1)
    _windows(image, 1800, 310, 2, 2, rng)


def _lobby(image: Image, rng: np.random.Generator) -> None:
    width, height = WORLD
    image[:] = (196, 206, 208)
    _ground(image, 560, (176, 182, 186), rng, tiles=True)
    for index in range(8):
        x = 40 + index * 300
        cv2.rectangle(image, (x, 120), (x + 26, 600), (150, 160, 166), -1)
    cv2.rectangle(image, (330, 470), (980, 680), (84, 112, 146), -1)
    cv2.rectangle(image, (310, 450), (1000, 480), (60, 84, 110), -1)
    for index in range(5):
        x = 360 + index * 125
        cv2.rectangle(image, (x, 220), (x + 92, 350), (235, 238, 240), -1)
        for line in range(7):
            cv2.line(
                image, (x + 10, 236 + line * 15), (x + int(rng.integers(45, 84)), 236 + line * 15), (90, 90, 90), 3
            )
    for index in range(9):
        x = 1080 + index * 130
        cv2.rectangle(image, (x, 640), (x + 90, 720), (140, 90, 50), -1)
        cv2.rectangle(image, (x, 570), (x + 90, 650), (160, 108, 62), -1)
    cv2.rectangle(image, (1700, 180), (2100, 560), (220, 230, 235), -1)
    _windows(image, 1720, 200, 3, 2, rng)
    _trees(image, [(240, 720, 120), (1040, 720, 110)], rng)


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
        cloth = 38 + _texture(still, height, width, max(8, width // 10), 9.0) + _texture(still, height, width, 3, 1.5)
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

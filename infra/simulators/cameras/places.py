"""Paints the four empty places of a quarantine site, textured and larger than a camera's view, so that a turned camera sees another part."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

PLACES = ("corridor", "yard", "gate", "lobby")
WORLD = (2400, 1080)


def texture(rng: np.random.Generator, height: int, width: int, cell: int, strength: float) -> NDArray[np.float32]:
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
    relief = texture(rng, height, width, 3, 5.0) + texture(rng, height, width, 60, 9.0)
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

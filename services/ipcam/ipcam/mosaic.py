"""Draws the newest small pictures of a site's cameras as one JPEG: what is dark, old or at fault is said on it."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ipcam import words
from ipcam.domain.faults import Fault

TILE = (320, 180)
BAR = 26
GAP = 4
MOST = 64
STALE = timedelta(seconds=60)
FONT = Path(__file__).with_name("fonts") / "DejaVuSansCondensed.ttf"
BACKGROUND, EMPTY, TEXT = (24, 26, 30), (44, 47, 54), (240, 240, 240)
COLOURS = {
    "online": (38, 120, 68),
    "degraded": (160, 110, 10),
    "offline": (168, 36, 36),
    "unknown": (80, 84, 92),
}


def draw(title: str, cameras: Sequence[Any], now: datetime) -> bytes:
    """One JPEG file. Each camera has name, status, reason, faults, at and jpeg (None where there is no picture yet)."""
    columns = max(1, math.ceil(math.sqrt(len(cameras))))
    rows = max(1, math.ceil(len(cameras) / columns))
    width, height = columns * (TILE[0] + GAP) + GAP, rows * (TILE[1] + BAR + GAP) + GAP + BAR
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    heading = f"{title} · {words.moment(now)}"
    pen.text((GAP + 4, 5), _fitted(heading, width - 2 * GAP - 8), TEXT, _font(14))
    for index, camera in enumerate(cameras):
        x = GAP + index % columns * (TILE[0] + GAP)
        y = BAR + GAP + index // columns * (TILE[1] + BAR + GAP)
        _tile(sheet, pen, camera, now, x, y)
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=82)
    return out.getvalue()


def _tile(sheet: Image.Image, pen: ImageDraw.ImageDraw, camera: Any, now: datetime, x: int, y: int) -> None:
    pen.rectangle((x, y, x + TILE[0] - 1, y + TILE[1] - 1), EMPTY)
    old = camera.at is None or now - camera.at > STALE
    if camera.jpeg is not None:
        picture = Image.open(io.BytesIO(bytes(camera.jpeg))).convert("RGB")
        picture.thumbnail(TILE)
        if old or camera.status == "offline":
            picture = Image.blend(picture, Image.new("RGB", picture.size, BACKGROUND), 0.65)
        sheet.paste(picture, (x + (TILE[0] - picture.width) // 2, y + (TILE[1] - picture.height) // 2))
    said = _said(camera, old)
    if said:
        pen.rectangle((x, y, x + TILE[0] - 1, y + 21), (0, 0, 0))
        pen.text((x + 6, y + 3), _fitted(said, TILE[0] - 12), (255, 210, 120), _font(13))
    alarming = camera.faults and camera.status == "online"
    pen.rectangle(
        (x, y + TILE[1], x + TILE[0] - 1, y + TILE[1] + BAR - 1), COLOURS["degraded" if alarming else camera.status]
    )
    at = "" if camera.at is None else f"{camera.at.astimezone(words.VIETNAM):%H:%M:%S}"
    pen.text((x + TILE[0] - 6, y + TILE[1] + 5), at, TEXT, _font(13), anchor="ra")
    pen.text((x + 6, y + TILE[1] + 5), _fitted(camera.name, TILE[0] - 76), TEXT, _font(13))


def _said(camera: Any, old: bool) -> str:
    if camera.status == "offline":
        return f"Mất hình: {words.reason(camera.reason)}"
    if camera.faults:
        return ", ".join(words.fault(Fault(name)) for name in camera.faults)
    if camera.jpeg is None:
        return "Chưa có hình"
    return "Hình cũ" if old else ""


def _fitted(text: str, width: int) -> str:
    """The text, cut with an ellipsis where it is too long."""
    font = _font(13)
    while text and font.getlength(text) > width:
        text = text[:-2].rstrip() + "…"
    return text


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)

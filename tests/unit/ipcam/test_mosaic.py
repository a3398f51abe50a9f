"""All cameras of a site as one picture; and what people read of a camera."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from ipcam import mosaic, words
from ipcam.media import _REASONS

NOW = datetime(2021, 6, 15, 1, 0, tzinfo=UTC)


def camera(**more: Any) -> Any:
    out = io.BytesIO()
    Image.new("RGB", (320, 180), (200, 40, 40)).save(out, "JPEG")
    usual = {"name": "Cổng", "status": "online", "reason": None, "faults": {}, "at": NOW, "jpeg": out.getvalue()}
    return SimpleNamespace(**usual | more)


def drawn(*cameras: Any) -> Image.Image:
    return Image.open(io.BytesIO(mosaic.draw("CL-01 · Khu cách ly", cameras, NOW))).convert("RGB")


@pytest.mark.parametrize(("count", "columns", "rows"), [(0, 1, 1), (1, 1, 1), (2, 2, 1), (5, 3, 2), (64, 8, 8)])
def test_the_sheet_is_nearly_square(count: int, columns: int, rows: int) -> None:
    sheet = drawn(*[camera() for _ in range(count)])
    assert sheet.size == (columns * 324 + 4, rows * 210 + 30)


def test_a_dark_or_old_picture_is_dimmed_and_a_living_one_is_not() -> None:
    def red(**more: Any) -> int:
        return int(drawn(camera(**more)).getpixel((160, 120))[0])  # type: ignore[index]

    assert red() > 180
    assert red(status="offline", reason="timeout") < 110
    assert red(at=NOW - timedelta(minutes=5)) < 110
    assert red(jpeg=None, at=None) < 60


def test_the_bar_below_a_picture_has_the_colour_of_its_state() -> None:
    def bar(**more: Any) -> tuple[int, ...]:
        return tuple(drawn(camera(name="", at=None, **more)).getpixel((160, 226)))  # type: ignore[arg-type]

    online, fault, offline = bar(), bar(faults={"covered": "x"}), bar(status="offline")
    assert online[1] > online[0] and offline[0] > 2 * offline[1] and fault != online


def test_every_reason_that_can_be_given_has_vietnamese_words() -> None:
    given = {reason for _, reason in _REASONS} | {"no_video", "unsupported_codec", "stalled", "audio_only", "gaps"}
    assert {reason for reason in given if words.reason(reason) == reason} == set()


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 giây"), (600, "10 phút"), (7500, "2 giờ 05 phút"), (-3, "0 giây")]
)
def test_durations_are_read_as_people_say_them(seconds: int, text: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == text

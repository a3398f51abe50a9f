"""Motion begins and ends per area; masks, noise, rain and lamps are not motion."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from ipcam.domain.motion import AreaRefused, MotionEnded, MotionStarted, MotionState, follow
from ipcam.media import Grey
from ipcam.motion import MotionFinder

START = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)
RNG = np.random.default_rng(7)
SCENE = cv2.resize(RNG.integers(40, 200, (12, 20)).astype(np.uint8), (320, 180), interpolation=cv2.INTER_CUBIC)
LEFT, RIGHT = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)], [(0.5, 0), (1, 0), (1, 1), (0.5, 1)]


def picture(at: tuple[int, int] | None = None, gain: float = 1.0, rain: bool = False) -> Grey:
    image = SCENE.astype(np.float32) * gain + RNG.normal(0, 3, SCENE.shape)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if at:
        cv2.ellipse(image, at, (9, 26), 0, 0, 360, 245, -1)
    for _ in range(60 if rain else 0):
        x, y = int(RNG.integers(0, 320)), int(RNG.integers(0, 170))
        cv2.line(image, (x, y), (x - 1, y + 7), 225, 1)
    return image


def settled(finder: MotionFinder, rain: bool = False) -> MotionFinder:
    for _ in range(30):
        finder.look(picture(rain=rain))
    return finder


def test_a_person_who_walks_is_motion_in_the_area_where_he_walks() -> None:
    finder = settled(MotionFinder({"left": LEFT, "right": RIGHT}))
    for x in range(30, 120, 10):
        look = finder.look(picture((x, 100)))
    assert look.shares["left"] > 0.01
    assert look.shares["right"] == 0


def test_a_masked_person_is_not_motion() -> None:
    finder = settled(MotionFinder({"all": [(0, 0), (1, 0), (1, 1), (0, 1)]}, masks=[LEFT]))
    assert all(finder.look(picture((x, 100))).shares["all"] == 0 for x in range(30, 120, 10))


def test_noise_and_rain_are_not_motion() -> None:
    finder = settled(MotionFinder(), rain=True)
    assert max(finder.look(picture(rain=True)).shares["all"] for _ in range(60)) < 0.004


def test_a_lamp_that_is_switched_is_not_motion_and_motion_is_found_again_afterwards() -> None:
    finder = settled(MotionFinder())
    looks = [finder.look(picture(gain=0.4)) for _ in range(20)]
    assert looks[0].lit
    assert all(look.shares["all"] < 0.004 for look in looks)
    assert finder.look(picture((100, 100), gain=0.4)).shares["all"] > 0.004


@pytest.mark.parametrize(
    ("polygon", "said"), [([(0, 0), (1, 1)], "three corners"), ([(0, 0), (2, 0), (1, 1)], "from 0 to 1")]
)
def test_an_impossible_area_is_refused_with_its_name(polygon: list[tuple[float, float]], said: str) -> None:
    with pytest.raises(AreaRefused, match=f"areas.cửa: .*{said}"):
        MotionFinder({"cửa": polygon})


def test_motion_starts_after_two_looks_and_ends_after_quiet() -> None:
    state, happened = MotionState("cổng"), []
    for index, share in enumerate([0, 0.01, 0, 0.01, 0.02, 0.05, 0, 0.01, *[0] * 12]):
        state, change = follow(state, share, START + timedelta(seconds=index / 2))
        happened += [(index, change)] if change else []
    (began, started), (ended, stopped) = happened
    assert (began, ended) == (4, 17)
    assert isinstance(started, MotionStarted) and started.since == START + timedelta(seconds=1.5)
    assert isinstance(stopped, MotionEnded) and stopped.peak_share == 0.05
    assert stopped.last_at == START + timedelta(seconds=3.5)

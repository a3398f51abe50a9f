"""The finder finds people who are drawn as they walk through the simulated sites, where they stand, and nobody where nobody is."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from infra.simulators.cameras import places, scenes
from ipcam.domain.motion import Polygon
from ipcam.persons import HogPersonFinder, Person, occupied

SUB = (640, 360)
FINDER = HogPersonFinder()
GROUND = {"ground": [[0, 0.55], [1, 0.55], [1, 1], [0, 1]]}


def frame(image: scenes.Image) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), format="yuv420p")


def drawn(place: str, actors: int, t: float, condition: str = "day", size: tuple[int, int] = SUB) -> av.VideoFrame:
    return frame(scenes.frame(scenes.Look(place, condition, actors=actors, seed=6), t, size))


def found(place: str, actors: int, condition: str = "day") -> int:
    moments = [0.7 * n for n in range(12)]
    return sum(occupied(FINDER, drawn(place, actors, t, condition), GROUND)["ground"] for t in moments)


@pytest.mark.parametrize("place", places.PLACES)
def test_somebody_who_walks_by_is_found_and_an_empty_place_is_empty(place: str) -> None:
    assert found(place, 2) >= 8
    assert found(place, 0) <= 1


class Standing:
    """A finder that sees one pair of feet at the same place of every picture it is given, and keeps the picture's size."""

    def __init__(self, x: float, y: float) -> None:
        self.person, self.size = Person(x, y, 1.0), (0, 0)

    def find(self, picture: np.ndarray) -> list[Person]:
        self.size = picture.shape[::-1]
        return [self.person]


def test_feet_decide_in_which_area_somebody_stands() -> None:
    areas: dict[str, Polygon] = {
        "left": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]],
        "right": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]],
    }
    assert occupied(Standing(0.4, 0.9), drawn("yard", 0, 0), areas) == {"left": True, "right": False}
    assert occupied(Standing(0.6, 0.9), drawn("yard", 0, 0), areas) == {"left": False, "right": True}


def test_a_small_area_is_looked_at_more_closely_and_its_feet_are_still_where_they_were() -> None:
    corner: dict[str, Polygon] = {"corner": [[0.7, 0.8], [0.9, 0.8], [0.9, 0.95], [0.7, 0.95]]}
    finder = Standing((0.8 - 0.55) / 0.45, (0.9 - 0.1) / 0.9)
    assert occupied(finder, drawn("yard", 0, 0), corner) == {"corner": True}
    assert finder.size[0] > 1.1 * 0.45 * 640 and finder.size[0] * finder.size[1] <= 640 * 360 * 1.01


def test_a_large_picture_costs_no_more_than_a_small_one() -> None:
    finder = Standing(0.5, 0.9)
    occupied(finder, drawn("yard", 0, 0, size=(1280, 720)), GROUND)
    assert finder.size[0] * finder.size[1] <= 640 * 360 * 1.01


def test_a_picture_smaller_than_a_person_holds_nobody() -> None:
    assert FINDER.find(np.zeros((100, 60), np.uint8)) == []

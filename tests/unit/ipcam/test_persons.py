"""The finder finds people who are drawn as they walk through the simulated sites, where they stand, and nobody where nobody is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import av
import cv2
import numpy as np
import pytest

from infra.simulators.cameras import places, scenes
from ipcam.domain.motion import Polygon
from ipcam.domain.presence import PresenceRule, PresenceState
from ipcam.media import grey
from ipcam.person_watch import PersonWatch
from ipcam.persons import HogPersonFinder, Person, occupied
from ipcam.reference import LEARN_LOOKS, Reference
from ipcam.vision import PictureJudge

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


def usual(place: str, actors: int) -> Reference:
    """What a camera has learned of a place where people walk now and then."""
    judge = PictureJudge()
    for look in range(LEARN_LOOKS + 2):
        judge.look(grey(drawn(place, actors, 100 + 10.3 * look)))
    assert judge.settled
    return judge.settled


@pytest.mark.parametrize("place", places.PLACES)
def test_people_are_still_found_where_the_usual_picture_is_known(place: str) -> None:
    known = usual(place, 2)
    moments = [0.7 * n for n in range(12)]
    assert sum(occupied(FINDER, drawn(place, 2, t), GROUND, known)["ground"] for t in moments) >= 7


def test_what_always_stands_there_is_nobody() -> None:
    """A finder that takes the door for a person: for the door itself nobody is there, for who walks before it somebody is."""
    door, ground = Standing(0.5, 0.9, body=(0.35, 0.2, 0.65, 0.85)), {"all": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    known = usual("corridor", 0)
    assert occupied(door, drawn("corridor", 0, 3.1), ground) == {"all": True}
    assert occupied(door, drawn("corridor", 0, 3.1), ground, known) == {"all": False}
    moments = [0.7 * n for n in range(24)]
    assert any(occupied(door, drawn("corridor", 3, t), ground, known)["all"] for t in moments)


class Standing:
    """A finder that sees one pair of feet at the same place of every picture it is given, and keeps the picture's size."""

    def __init__(self, x: float, y: float, body: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> None:
        self.person, self.size = Person((x, y), body, 1.0), (0, 0)

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


class Believing(PersonWatch):
    """A watch that believes without a database."""

    def __init__(self, finder: Standing, post: Any) -> None:
        roster = SimpleNamespace(posts={post.id: post}, maintained=lambda _post, _at: False)
        nothing: Any = None
        super().__init__(nothing, cast(Any, roster), nothing, nothing, finder, PresenceRule(), nothing)

    def _take(self, post: Any, state: PresenceState, *_: Any) -> None:
        post.persons[state.area] = state


def watched(settled: Reference | None) -> Any:
    """A camera with one forbidden area, and what it has learned so far."""
    row = SimpleNamespace(forbidden_areas=GROUND, motion=None)
    return SimpleNamespace(id="c", row=row, persons={}, judge=SimpleNamespace(settled=settled), unpeopled=None)


def test_who_stands_still_does_not_become_part_of_the_usual_picture() -> None:
    elsewhere = usual("gate", 0)  # nothing in the yard is as usual by this: somebody is there
    post = watched(elsewhere)
    watch = Believing(Standing(0.5, 0.9, body=(0.45, 0.4, 0.55, 0.9)), post)
    for _ in range(2):
        watch.look("c", drawn("yard", 0, 0), cast(Any, None))
    assert post.persons["ground"].present

    post.judge.settled = usual("yard", 0)  # learned while somebody stood there
    watch.look("c", drawn("yard", 0, 0), cast(Any, None))

    assert post.unpeopled is elsewhere
    assert post.persons["ground"].missed == 0


def test_what_was_believed_before_anything_was_learned_is_not_believed_for_ever() -> None:
    post = watched(None)
    watch = Believing(Standing(0.5, 0.9, body=(0.45, 0.4, 0.55, 0.9)), post)
    for _ in range(2):
        watch.look("c", drawn("yard", 0, 0), cast(Any, None))
    assert post.persons["ground"].present

    post.judge.settled = usual("yard", 0)
    watch.look("c", drawn("yard", 0, 0), cast(Any, None))

    assert post.persons["ground"].missed == 1

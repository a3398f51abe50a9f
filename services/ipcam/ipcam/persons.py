"""Finds where people stand in a picture: the interface, and the finder that OpenCV brings along (HOG, weak but free of any download)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np

from ipcam.domain.motion import Polygon
from ipcam.domain.presence import inside
from ipcam.measures import measure
from ipcam.media import Grey, grey
from ipcam.reference import Reference, sameness

#: The finder's window is 64 by 128 with the person in its middle 96 rows: feet are above its lower edge.
FEET = 1 - 16 / 128
#: A person that stands in the area reaches out of it: upwards by most of the picture, to the sides by half a window.
ABOVE, BESIDE, BELOW = 0.7, 0.15, 0.12
MOST_PIXELS = 640 * 360
CLOSEST = 2.0
#: What always stands there has 0.75 and more, a person before it 0.5 and less.
ALWAYS_THERE = 0.65


@dataclass(frozen=True)
class Person:
    """Where somebody stands, as shares of width and height: the feet (x, y) and the body without the ground around it (left, top, right,
    bottom). `weight` is how sure the finder is, in its own measure."""

    feet: tuple[float, float]
    body: tuple[float, float, float, float]
    weight: float


class PersonFinder(Protocol):
    """What finds people; a better one than ours takes its place by having this."""

    def find(self, picture: Grey) -> list[Person]:
        """The people in a grey picture of any size."""


class HogPersonFinder:
    """OpenCV's default people detector (histograms of gradients; its weights are part of OpenCV, Apache-2.0). Upright people of at least
    100 pixels, seen whole; about 90 ms at 640 by 360. It misses many and takes some posts for people: never the only guard of a place."""

    def __init__(self, least_weight: float = 1.1) -> None:
        self._least = least_weight
        self._hog: Any = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    def find(self, picture: Grey) -> list[Person]:
        """A picture smaller than the window holds nobody."""
        height, width = picture.shape
        if height < 128 or width < 64:
            return []
        boxes, weights = self._hog.detectMultiScale(picture, 0, (8, 8), (8, 8), 1.07)
        return [
            Person(
                ((x + w / 2) / width, min(1.0, (y + h * FEET) / height)),
                ((x + 0.2 * w) / width, (y + 0.1 * h) / height, (x + 0.8 * w) / width, (y + 0.95 * h) / height),
                float(weight),
            )
            for (x, y, w, h), weight in zip(boxes, np.ravel(weights), strict=True)
            if weight >= self._least
        ]


def occupied(
    finder: PersonFinder, frame: Any, areas: Mapping[str, Polygon], usual: Reference | None = None
) -> dict[str, bool]:
    """For each area, whether somebody stands in it. Only the part of the frame (PyAV) where that somebody would show is looked at, and a small
    part more closely. What the camera `usual`ly shows there is nobody."""
    left, top, right, bottom = _around(areas.values())
    whole = grey(frame, (frame.width, frame.height))
    part = whole[
        round(top * frame.height) : round(bottom * frame.height), round(left * frame.width) : round(right * frame.width)
    ]
    scale = min(CLOSEST, (MOST_PIXELS / max(1, part.size)) ** 0.5)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    people = finder.find(np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=method), np.uint8))
    width, height = right - left, bottom - top
    people = [
        replace(p, feet=_placed(p.feet, left, top, width, height), body=_placed(p.body, left, top, width, height))
        for p in people
    ]
    if usual is not None and people:
        _, along, across = measure(grey(frame))
        people = [p for p in people if sameness(usual, along, across, p.body) < ALWAYS_THERE]
    return {name: any(inside(polygon, *p.feet) for p in people) for name, polygon in areas.items()}


def _placed(shares: Any, left: float, top: float, width: float, height: float) -> Any:
    """Places inside a part of the picture (x and y in turn) as places in the whole."""
    return tuple(top + share * height if n % 2 else left + share * width for n, share in enumerate(shares))


def _around(polygons: Iterable[Polygon]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part to look at."""
    corners = [corner for polygon in polygons for corner in polygon]
    across, down = [x for x, _ in corners], [y for _, y in corners]
    return (
        max(0.0, min(across) - BESIDE),
        max(0.0, min(down) - ABOVE),
        min(1.0, max(across) + BESIDE),
        min(1.0, max(down) + BELOW),
    )

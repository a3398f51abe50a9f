"""Waits for conditions instead of sleeping: the only clock that the tests have."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE_S = 40.0  # a loaded two-core machine; what is met in time costs nothing


def wait_until(condition: Callable[[], Found], what: str = "the condition", seconds: float = PATIENCE_S) -> Found:
    """Ask again and again until the answer is true, and return it; fail naming what was waited for, with the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:.0f} s; last answer: {answer!r}")
        time.sleep(0.02)
    return answer

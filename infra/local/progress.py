"""Tells the person at the terminal, on standard error, what is being done and how long it took; stdlib only."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


class Refused(Exception):
    """The command cannot go on; the message tells the person what to do about it."""


class Step:
    """One line of progress: a name, and what came of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcome = "done"

    def say(self, text: str) -> None:
        """Show what the step is at, on a terminal only: the next word replaces it."""
        if sys.stderr.isatty():
            print(f"\r\033[K  {self.name:<18} … {text[:58]}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(name: str) -> Iterator[Step]:
    """Print the step when it begins (a terminal sees it at once) and its outcome with the seconds when it ends."""
    terminal = sys.stderr.isatty()
    if terminal:
        print(f"  {name:<18} …", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    current = Step(name)
    try:
        yield current
    except BaseException:
        print(("\r" if terminal else "") + f"  {name:<18} FAILED", file=sys.stderr)
        raise
    seconds = time.monotonic() - started
    took = f"{seconds:6.1f} s" if seconds >= 0.05 else ""
    line = f"  {name:<18} {current.outcome:<58} {took}".rstrip()
    print(("\r\033[K" if terminal else "") + line, file=sys.stderr, flush=True)

"""A writer in the background that announces until it is stopped, and knows what it was promised."""

from __future__ import annotations

import itertools
import threading
from typing import Self

from chassis.database import Database, is_away
from chassis.settings import DatabaseSettings
from tests.conditions import wait_until
from tests.integration.chassis.world import World


class Load:
    """Commits a few events every few milliseconds, in turn over `subjects` subjects whose names begin with `prefix`."""

    def __init__(self, world: World, prefix: str, subjects: int = 20, pause_s: float = 0.05, at_once: int = 5) -> None:
        self.world = world
        self.prefix = prefix
        self.subjects = subjects
        self.pause_s = pause_s
        self.at_once = at_once
        self.accepted: list[str] = []
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._database = Database(DatabaseSettings(url=world.database_url), "load")
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.await_growth(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._database.close()
        if self._error:
            raise self._error

    def await_growth(self, events: int) -> None:
        """Wait until so many more events were accepted."""
        goal = len(self.accepted) + events
        wait_until(lambda: len(self.accepted) >= goal or self._error, f"{events} more events", 60)

    def await_effects(self, effects: int) -> None:
        """Wait until so many more effects were left: the consumers are in the middle of their work."""
        goal = self.world.effect_count() + effects
        wait_until(lambda: self.world.effect_count() >= goal, f"{effects} more effects", 60)

    def _write(self) -> None:
        numbers = itertools.count()
        while not self._stopping.wait(self.pause_s):
            ids = []
            try:
                with self._database.transaction() as tx:
                    for _ in range(self.at_once):
                        subject = f"{self.prefix}{next(numbers) % self.subjects}"
                        ids.append(self.world.announce("counted", subject, tx))
                self.accepted += ids  # committed; where the commit's answer was lost, it may still have been
            except Exception as error:
                if not is_away(error):
                    self._error = error
                    return

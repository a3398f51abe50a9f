"""Faults of the simulated portal, on command and by chance; chance is the same for the same seed and the same calls."""

from __future__ import annotations

import dataclasses
import random
import threading
from typing import Any


@dataclasses.dataclass
class Faults:
    """What is wrong with the portal now. Rates are from 0 to 1, times are milliseconds."""

    away: bool = False
    """Every call is answered with HTTP 503."""
    error_rate: float = 0.0
    """HTTP 500 instead of doing anything."""
    swallow_rate: float = 0.0
    """HTTP 500 after having done it."""
    slow_rate: float = 0.0
    slow_ms: int = 1500
    session_calls: int = 500
    """Calls after which a session has expired; 0: sessions that expire at once."""
    refuse: dict[str, str] = dataclasses.field(default_factory=dict)
    """Refused dossiers, each with the portal's words."""
    breaks: list[str] = dataclasses.field(default_factory=list)
    """Dossiers at which the portal breaks (HTTP 500)."""
    stall: dict[str, int] = dataclasses.field(default_factory=dict)
    """Dossiers that are taken at once and answered late."""
    odd: bool = True
    """Numbers as texts and texts as numbers, one thing instead of a list, days instead of moments, a byte order mark."""


KINDS: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(Faults)}


class Fate:
    """The faults as they stand, and the dice."""

    def __init__(self, seed: int) -> None:
        self.faults = Faults()
        self._dice = random.Random(seed)
        self._lock = threading.Lock()

    def set(self, changes: dict[str, Any]) -> Faults:
        """Change some faults. Raises ValueError for what is none, or of another kind."""
        for name, value in changes.items():
            now = getattr(self.faults, name, None)
            number = isinstance(now, int | float) and isinstance(value, int | float)
            if name not in KINDS or not (number or isinstance(value, type(now))):
                raise ValueError(f"{name} is no fault, or not of this kind")
        self.faults = dataclasses.replace(self.faults, **changes)
        return self.faults

    def strikes(self, rate: float) -> bool:
        """Throw the dice."""
        with self._lock:
            return self._dice.random() < rate

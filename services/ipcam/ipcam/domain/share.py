"""Shares a measured CPU budget for looking at pictures fairly among cameras, and says openly how far it falls short."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ShareState:
    """`wanted_s` is the interval asked for; `actual_s` the longest that a camera now waits; `degraded` when that is half again as long."""

    cameras: int
    waiting: int
    wanted_s: float
    actual_s: float
    used_cores: float
    budget_cores: float

    @property
    def degraded(self) -> bool:
        """Whether cameras are looked at markedly less often than asked."""
        return self.actual_s > 1.5 * self.wanted_s


class PictureShare:
    """Whose picture is looked at next. The one that has waited longest goes first; the budget bounds the whole. Not thread-safe."""

    def __init__(self, every_s: float, budget_cores: float) -> None:
        if every_s <= 0 or budget_cores <= 0:
            raise ValueError("every_s and budget_cores must be positive")
        self.every_s, self.budget_cores = every_s, budget_cores
        self._last: dict[str, float] = {}
        self._waited: dict[str, float] = {}
        self._rests_until = 0.0
        self._spent: list[tuple[float, float]] = []

    def join(self, camera_id: str, at_s: float) -> None:
        """A camera takes part from now; its first look is due at once, but newcomers do not push in before those who have waited."""
        self._last.setdefault(camera_id, at_s - self.every_s)

    def leave(self, camera_id: str) -> None:
        """A camera takes part no longer."""
        self._last.pop(camera_id, None)
        self._waited.pop(camera_id, None)

    def next(self, ready: set[str], at_s: float) -> str | None:
        """The camera to look at now among those with a fresh picture, or None: nobody is due, or the budget is spent."""
        if at_s < self._rests_until:
            return None
        due = [(self._last[c], c) for c in ready if c in self._last and at_s - self._last[c] >= self.every_s]
        return min(due)[1] if due else None

    def looked(self, camera_id: str, cpu_s: float, at_s: float) -> None:
        """A look took `cpu_s` seconds of CPU and ended at `at_s`."""
        if camera_id in self._last:
            self._waited[camera_id] = at_s - self._last[camera_id]
            self._last[camera_id] = at_s
        self._rests_until = max(self._rests_until, at_s - 1.0) + cpu_s / self.budget_cores
        self._spent.append((at_s, cpu_s))
        while self._spent[0][0] < at_s - 30:
            self._spent.pop(0)

    def state(self, at_s: float) -> ShareState:
        """How it goes."""
        waits = [max(self._waited.get(c, 0.0), at_s - last) for c, last in self._last.items()]
        late = sum(1 for c, last in self._last.items() if at_s - last > self.every_s)
        span = max(1.0, at_s - self._spent[0][0]) if self._spent else 1.0
        used = sum(cpu for _, cpu in self._spent) / span
        return ShareState(len(self._last), late, self.every_s, max(waits, default=0.0), used, self.budget_cores)


class MotionShare:
    """Which cameras may decode every frame: each has an equal allowance of CPU, decided at a key frame for the group that follows."""

    def __init__(self, budget_cores: float, burst_s: float = 5.0) -> None:
        self.budget_cores, self._burst_s = budget_cores, burst_s
        self._purse: dict[str, float] = {}
        self._filled: dict[str, float] = {}
        self.groups = self.skipped = 0

    def join(self, camera_id: str, at_s: float) -> None:
        """A camera takes part from now, with a full second's allowance."""
        self._filled.setdefault(camera_id, at_s)
        self._purse.setdefault(camera_id, self.budget_cores / max(1, len(self._filled)))

    def leave(self, camera_id: str) -> None:
        """A camera takes part no longer."""
        self._filled.pop(camera_id, None)
        self._purse.pop(camera_id, None)

    def afford(self, camera_id: str, at_s: float) -> bool:
        """Whether the camera may decode the group that begins now; what it may not is counted in `skipped`."""
        if camera_id not in self._filled:
            return False
        rate = self.budget_cores / len(self._filled)
        purse = min(rate * self._burst_s, self._purse[camera_id] + rate * (at_s - self._filled[camera_id]))
        self._purse[camera_id], self._filled[camera_id] = purse, at_s
        self.groups += 1
        self.skipped += purse <= 0
        return purse > 0

    def spend(self, camera_id: str, cpu_s: float) -> None:
        """The camera has used this much CPU."""
        if camera_id in self._purse:
            self._purse[camera_id] -= cpu_s

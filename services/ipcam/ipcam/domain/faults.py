"""Raises and clears the faults of a camera with hysteresis, so that one odd picture raises nothing and one good picture clears nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong with a camera that still answers."""

    BLACK = "black"
    FROZEN = "frozen"
    COVERED = "covered"
    BLURRED = "blurred"
    TURNED = "turned"
    OVEREXPOSED = "overexposed"
    LOW_CONTRAST = "low_contrast"
    NOISY = "noisy"
    CLOCK_DRIFT = "clock_drift"
    TAMPERED = "tampered"


LABELS = {
    Fault.BLACK: "Hình đen",
    Fault.FROZEN: "Hình đứng",
    Fault.COVERED: "Camera bị che",
    Fault.BLURRED: "Hình mờ, mất nét",
    Fault.TURNED: "Camera bị xoay lệch hướng",
    Fault.OVEREXPOSED: "Hình bị chói sáng",
    Fault.LOW_CONTRAST: "Hình mất tương phản",
    Fault.NOISY: "Hình nhiễu",
    Fault.CLOCK_DRIFT: "Lệch đồng hồ",
    Fault.TAMPERED: "Camera tự báo bị che hoặc xoay",
}


@dataclass(frozen=True)
class Hysteresis:
    """A fault is raised after `raise_samples` looks in a row that span `raise_after`; cleared likewise."""

    raise_samples: int = 2
    raise_after: timedelta = timedelta(0)
    clear_samples: int = 3
    clear_after: timedelta = timedelta(0)


@dataclass(frozen=True)
class FaultState:
    """One fault of one camera: whether it is raised, since when it shows, and the run of looks that disagree with that."""

    fault: Fault
    raised: bool = False
    since: datetime | None = None
    run: int = 0
    run_began: datetime | None = None


@dataclass(frozen=True)
class FaultRaised:
    """The fault shows since `since` and was believed at `at`."""

    fault: Fault
    since: datetime
    at: datetime


@dataclass(frozen=True)
class FaultCleared:
    """The fault is gone since `since`; it lasted `lasted`."""

    fault: Fault
    since: datetime
    at: datetime
    lasted: timedelta


def look(
    state: FaultState, shows: bool | None, at: datetime, rule: Hysteresis = Hysteresis()
) -> tuple[FaultState, FaultRaised | FaultCleared | None]:
    """Takes one look. `shows` None is a look that could not tell: it neither counts nor breaks a run."""
    if shows is None:
        return state, None
    if shows == state.raised:
        return replace(state, run=0, run_began=None), None
    began = state.run_began or at
    state = replace(state, run=state.run + 1, run_began=began)
    samples, after = (rule.clear_samples, rule.clear_after) if state.raised else (rule.raise_samples, rule.raise_after)
    if state.run < samples or at - began < after:
        return state, None
    if state.raised:
        lasted = began - (state.since or began)
        return FaultState(state.fault), FaultCleared(state.fault, began, at, lasted)
    return FaultState(state.fault, True, began), FaultRaised(state.fault, began, at)

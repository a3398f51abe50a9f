"""When to renew, rebuild or give up a camera's ONVIF event subscription."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Step(StrEnum):
    """What the supervisor should do next."""

    SUBSCRIBE = "subscribe"
    RENEW = "renew"
    PULL = "pull"
    WAIT = "wait"


@dataclass(frozen=True)
class PullPolicy:
    """Renewed at half of the granted time; rebuilt after `failures` in a row; a device without pull-points is left alone for `unsupported_s`."""

    failures: int = 5
    pause_s: float = 2.0
    longest_pause_s: float = 60.0
    unsupported_s: float = 24 * 3600.0


@dataclass(frozen=True)
class Subscription:
    """One camera's subscription; times on the monotonic clock. `tombstone_s`: until then the device is known not to support it."""

    renew_at_s: float | None = None
    failed: int = 0
    rebuilds: int = 0
    wait_until_s: float = 0.0
    tombstone_s: float | None = None


def next_step(state: Subscription, at_s: float) -> Step:
    """What to do now."""
    if (state.tombstone_s is not None and at_s < state.tombstone_s) or at_s < state.wait_until_s:
        return Step.WAIT
    if state.renew_at_s is None:
        return Step.SUBSCRIBE
    return Step.RENEW if at_s >= state.renew_at_s else Step.PULL


def granted(state: Subscription, granted_s: float, at_s: float) -> Subscription:
    """The camera granted this many seconds, which may be fewer than asked for."""
    return replace(state, renew_at_s=at_s + max(1.0, granted_s / 2), failed=0, wait_until_s=0.0, tombstone_s=None)


def pulled(state: Subscription) -> Subscription:
    """A pull was answered, be it with no events."""
    return replace(state, failed=0)


def failed(state: Subscription, at_s: float, policy: PullPolicy = PullPolicy()) -> Subscription:
    """A call failed: wait longer each time, and build the subscription anew when it fails too often (the camera may have restarted)."""
    count = state.failed + 1
    wait = min(policy.longest_pause_s, policy.pause_s * 2 ** min(10, count - 1))
    if count % policy.failures == 0:
        return replace(state, renew_at_s=None, failed=count, rebuilds=state.rebuilds + 1, wait_until_s=at_s + wait)
    return replace(state, failed=count, wait_until_s=at_s + wait)


def unsupported(state: Subscription, at_s: float, policy: PullPolicy = PullPolicy()) -> Subscription:
    """The device says that it has no pull-points."""
    return replace(state, renew_at_s=None, failed=0, tombstone_s=at_s + policy.unsupported_s)

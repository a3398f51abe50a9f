"""ONVIF event subscriptions: renewed in time, rebuilt when lost, left alone when not supported."""

import asyncio

import pytest

from ipcam.domain.pullpoint import PullPolicy, Step, Subscription, failed, granted, next_step, pulled, unsupported

onvif = pytest.importorskip("ipcam.onvif", reason="onvif-zeep-async is not installed")


def test_a_subscription_is_renewed_at_half_of_the_time_that_was_granted() -> None:
    state = granted(Subscription(), 20, at_s=100)
    assert next_step(state, 109.9) is Step.PULL
    assert next_step(state, 110) is Step.RENEW


def test_five_failures_in_a_row_build_it_anew_and_a_success_in_between_does_not() -> None:
    state = granted(Subscription(), 60, at_s=0)
    for _ in range(4):
        state = failed(state, 10)
    state = pulled(state)
    for _ in range(4):
        state = failed(state, 10)
    assert state.rebuilds == 0
    state = failed(state, 10)
    assert state.rebuilds == 1
    assert next_step(state, 100) is Step.SUBSCRIBE


def test_pauses_grow_up_to_the_longest() -> None:
    state, waits = granted(Subscription(), 60, at_s=0), []
    for _ in range(12):
        state = failed(state, 0)
        waits.append(state.wait_until_s)
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == PullPolicy().longest_pause_s


def test_a_device_without_pull_points_is_left_alone_for_a_day() -> None:
    state = unsupported(Subscription(), 0)
    assert next_step(state, 23 * 3600) is Step.WAIT
    assert next_step(state, 25 * 3600) is Step.SUBSCRIBE


class Device:
    """A device whose calls fail as the script says: `.` works, `x` fails, `u` says unsupported."""

    def __init__(self, script: str) -> None:
        self.script, self.calls, self.granted_s, self.open = list(script), [], 20.0, 0

    def _next(self, call: str) -> None:
        self.calls.append(call)
        mark = self.script.pop(0) if self.script else "."
        if mark != ".":
            raise onvif.OnvifUnavailable("unsupported" if mark == "u" else "timeout")

    async def subscribe(self) -> "Device":
        self._next("subscribe")
        self.open += 1
        return self

    async def events(self, wait_s: float) -> list[object]:
        self._next("pull")
        return [onvif.OnvifEvent("motion", True, None, "t")]

    async def renew(self) -> float:
        self._next("renew")
        return self.granted_s

    async def close(self) -> None:
        self.calls.append("close")
        self.open -= 1


def supervise(script: str, steps: int, tick_s: float = 3.0) -> tuple[Device, list[object]]:
    from ipcam.onvif_events import PullPointSupervisor

    device, events, now = Device(script), [], [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def run() -> None:
        supervisor = PullPointSupervisor(
            "c", device.subscribe, lambda c, e: events.append(e), clock=lambda: now[0], sleep=sleep
        )
        for _ in range(steps):
            await supervisor.step()
            now[0] += tick_s

    asyncio.run(run())
    return device, events


def test_the_supervisor_pulls_and_renews_in_time() -> None:
    device, events = supervise("", 8)
    assert device.calls == ["subscribe", "pull", "pull", "pull", "renew", "pull", "pull", "pull"]
    assert len(events) == 6


def test_the_supervisor_rebuilds_a_lost_subscription_and_leaks_none() -> None:
    device, events = supervise("." + "x" * 5, 60)
    assert device.calls.count("subscribe") == 2
    assert device.calls.count("close") == 1 and device.open == 1
    assert events


def test_the_supervisor_asks_an_unsupported_device_once() -> None:
    device, _ = supervise("u", 200)
    assert device.calls == ["subscribe"]

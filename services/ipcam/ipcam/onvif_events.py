"""Keeps an ONVIF event subscription alive for each camera that has one: renews, rebuilds, and leaves alone the cameras that cannot."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from ipcam.domain.pullpoint import PullPolicy, Step, Subscription, failed, granted, next_step, pulled, unsupported
from ipcam.onvif import OnvifAddress, OnvifDevice, OnvifEvent, OnvifUnavailable

USUAL = PullPolicy()


class Pull(Protocol):
    """What the supervisor needs of a living subscription."""

    granted_s: float

    async def events(self, wait_s: float) -> list[OnvifEvent]:
        """The events since the last call."""

    async def renew(self) -> float:
        """Seconds granted."""

    async def close(self) -> None:
        """Ends it."""


Opener = Callable[[], Awaitable[Pull]]


class PullPointSupervisor:
    """One camera. `run` ends only when it is cancelled; `on_event(camera_id, event)` is called in the event loop and should be quick."""

    def __init__(
        self,
        camera_id: str,
        subscribe: Opener,
        on_event: Callable[[str, OnvifEvent], None],
        policy: PullPolicy = USUAL,
        wait_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.camera_id, self._subscribe, self._on_event = camera_id, subscribe, on_event
        self._policy, self._wait_s, self._clock, self._sleep = policy, wait_s, clock, sleep
        self.state = Subscription()
        self._pull: Pull | None = None

    async def run(self) -> None:
        """Supervises until cancelled, then unsubscribes."""
        try:
            while True:
                await self.step()
        finally:
            await self._drop()

    async def step(self) -> Step:
        """One step: wait, subscribe, renew or pull."""
        step = next_step(self.state, self._clock())
        if step is Step.WAIT:
            await self._sleep(min(5.0, self._policy.pause_s))
            return step
        try:
            await self._take(step)
        except OnvifUnavailable as error:
            now = self._clock()
            lost = error.reason == "unsupported" and step is Step.SUBSCRIBE
            self.state = unsupported(self.state, now, self._policy) if lost else failed(self.state, now, self._policy)
            if self.state.renew_at_s is None:
                await self._drop()
        return step

    async def _take(self, step: Step) -> None:
        if step is Step.SUBSCRIBE or self._pull is None:
            await self._drop()
            self._pull = await self._subscribe()
            self.state = granted(self.state, self._pull.granted_s, self._clock())
        elif step is Step.RENEW:
            self.state = granted(self.state, await self._pull.renew(), self._clock())
        else:
            # Never wait at the camera beyond the time of renewal.
            left = max(1.0, (self.state.renew_at_s or 0.0) - self._clock())
            for event in await self._pull.events(min(self._wait_s, left)):
                self._on_event(self.camera_id, event)
            self.state = pulled(self.state)

    async def _drop(self) -> None:
        if self._pull is not None:
            pull, self._pull = self._pull, None
            with contextlib.suppress(OnvifUnavailable):
                await pull.close()


def opener(address: OnvifAddress, timeout_s: float = 5.0, ask_s: float = 60.0) -> Opener:
    """Subscribes at a real device; the device's connections are closed with the subscription."""

    async def subscribe() -> Pull:
        device = await OnvifDevice(address, timeout_s).__aenter__()
        try:
            pull = await device.subscribe(ask_s)
        except BaseException:
            await device.__aexit__()
            raise
        return _Owned(device, pull)

    return subscribe


class _Owned:
    """A subscription that owns its device."""

    def __init__(self, device: OnvifDevice, pull: Pull) -> None:
        self._device, self._pull = device, pull
        self.granted_s = pull.granted_s

    async def events(self, wait_s: float) -> list[OnvifEvent]:
        return await self._pull.events(wait_s)

    async def renew(self) -> float:
        return await self._pull.renew()

    async def close(self) -> None:
        await self._pull.close()
        await self._device.__aexit__()

"""Listens to what the cameras held say over ONVIF, motion, tampering and their clock, in one thread with an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Mapping

from chassis import logs
from ipcam.domain.clock import Drift
from ipcam.onvif import OnvifAddress, OnvifEvent, OnvifUnavailable, connected
from ipcam.onvif_events import PullPointSupervisor, opener

log = logs.get(__name__)
CLOCK_EVERY_S = 300.0
AT_ONCE = 4


class OnvifWatch:
    """`on_event(camera_id, event)` is called in the loop's thread and must be quick. A clock is asked every CLOCK_EVERY_S."""

    def __init__(self, on_event: Callable[[str, OnvifEvent], None], clock_every_s: float = CLOCK_EVERY_S) -> None:
        self._on_event, self._clock_every_s = on_event, clock_every_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="onvif", daemon=True)
        self._tasks: dict[str, tuple[OnvifAddress, asyncio.Task[None]]] = {}
        self._drifts: dict[str, Drift] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        """Unsubscribe from every camera, as far as the time allows."""
        if not self._thread.is_alive():
            return
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._cancel(list(self._tasks)), self._loop).result(wait_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(wait_s)

    def hold(self, addresses: Mapping[str, OnvifAddress]) -> None:
        """Listen to exactly these cameras from now on."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hold, dict(addresses))

    def drift(self, camera_id: str) -> Drift | None:
        """How far the camera's clock was off when it was last asked; each answer is given out once."""
        return self._drifts.pop(camera_id, None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _hold(self, addresses: dict[str, OnvifAddress]) -> None:
        gone = [name for name, (address, _) in self._tasks.items() if addresses.get(name) != address]
        for name in gone:
            self._tasks.pop(name)[1].cancel()
        for name, address in addresses.items():
            if name not in self._tasks:
                self._tasks[name] = (address, self._loop.create_task(self._listen(name, address)))

    async def _listen(self, camera_id: str, address: OnvifAddress) -> None:
        # After a start hundreds of cameras would be asked at once, and each answer costs CPU.
        await asyncio.sleep(random.uniform(0, 2.0 + len(self._tasks) / 10))
        supervisor = PullPointSupervisor(camera_id, opener(address), self._on_event)
        clock = asyncio.create_task(self._ask_clock(camera_id, address))
        try:
            await supervisor.run()
        # Wide on purpose: what a stranger's device answers makes libraries raise anything; the other cameras go on.
        except Exception:
            log.exception("onvif failed", camera=camera_id)
        finally:
            clock.cancel()

    async def _ask_clock(self, camera_id: str, address: OnvifAddress) -> None:
        while True:
            try:
                async with self._turns, connected(address) as device:
                    self._drifts[camera_id] = await device.clock()
            except OnvifUnavailable as error:
                log.debug("clock not known", camera=camera_id, reason=error.reason)
            await asyncio.sleep(self._clock_every_s)

    async def _cancel(self, names: list[str]) -> None:
        tasks = [self._tasks.pop(name)[1] for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

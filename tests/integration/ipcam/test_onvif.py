"""Cameras asked over ONVIF: clock, identity, streams and events."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from ipcam.domain.clock import drifts
from tests.integration.ipcam.simulated import PASSWORD, Cameras

onvif = pytest.importorskip("ipcam.onvif", reason="onvif-zeep-async is not installed")


def address(cameras: Cameras, number: int = 3, password: str = PASSWORD) -> onvif.OnvifAddress:
    return onvif.OnvifAddress(cameras.onvif(number), f"cam-{number:03d}", password)


def test_a_camera_with_a_wrong_clock_is_found_and_one_with_the_right_clock_is_not(cameras: Cameras) -> None:
    async def clock() -> bool | None:
        async with onvif.connected(address(cameras), 15) as device:
            return drifts(await device.clock())

    assert asyncio.run(clock()) is False
    cameras.command(3, "skew")
    assert asyncio.run(clock()) is True


def test_streams_are_offered_without_the_credentials_that_the_camera_puts_into_them(cameras: Cameras) -> None:
    async def ask() -> tuple[object, list[onvif.OfferedStream]]:
        async with onvif.connected(address(cameras), 15) as device:
            return await device.information(), await device.streams()

    information, streams = asyncio.run(ask())
    assert information == onvif.DeviceInformation("IOC", "Simulated", "1.0", "cam-003")
    assert [(s.url, s.width, s.codec) for s in streams] == [
        (cameras.url(3, "main"), 1280, "h264"),
        (cameras.url(3), 640, "h264"),
    ]


@pytest.mark.parametrize(("password", "reason"), [("Sai mật khẩu", "wrong_password")])
def test_a_refusal_is_named_and_holds_no_password(cameras: Cameras, password: str, reason: str) -> None:
    async def ask() -> None:
        async with onvif.connected(address(cameras, password=password), 15) as device:
            await device.information()

    with pytest.raises(onvif.OnvifUnavailable) as raised:
        asyncio.run(ask())
    assert raised.value.reason == reason
    assert password not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None


def test_events_of_the_camera_arrive_through_a_supervised_pull_point(cameras: Cameras) -> None:
    from ipcam.onvif_events import PullPointSupervisor, opener

    async def listen() -> list[onvif.OnvifEvent]:
        arrived: asyncio.Queue[onvif.OnvifEvent] = asyncio.Queue()
        supervisor = PullPointSupervisor(
            "cam-003", opener(address(cameras), 15), lambda _, event: arrived.put_nowait(event)
        )
        task = asyncio.create_task(supervisor.run())
        async with asyncio.timeout(60):
            while supervisor.state.renew_at_s is None:
                await asyncio.sleep(0.05)
            standing = await arrived.get()
            await asyncio.to_thread(cameras.ask, "PUT", "/cameras/cam-003/motion", {"moving": True})
            first = await arrived.get()
            await asyncio.to_thread(cameras.command, 3, "cover")
            events = [standing, first, await arrived.get()]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return events

    events = asyncio.run(listen())
    assert [(event.kind, event.active) for event in events] == [
        ("tamper", False),  # how things stand when somebody begins to listen
        ("motion", True),
        ("tamper", True),
    ]
    assert all(event.camera_time is not None for event in events)

"""Cameras are read on the wire: what dies, stalls or limps is seen in time, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from ipcam.domain.health import Health, HealthChanged, Sighting, Status, watch
from ipcam.domain.wire import judge
from ipcam.stream import CameraReader, Fleet, Reading
from tests.conditions import wait_until
from tests.integration.ipcam.conftest import Cameras

QUICK = Reading(backoff_first_s=0.2, backoff_most_s=1.0)


@pytest.fixture
def watched(cameras: Cameras) -> Iterator[Callable[[int], CameraReader]]:
    """Starts readers that have seen pictures, and stops them."""
    readers: list[CameraReader] = []

    def watch_one(number: int, transport: str = "tcp") -> CameraReader:
        readers.append(CameraReader(cameras.source(number, transport=transport), QUICK))
        readers[-1].start()
        wait_until(lambda: readers[-1].reading().packets > 10, f"pictures of camera {number}")
        return readers[-1]

    yield watch_one
    for reader in readers:
        reader.ask_to_stop()
    assert all(reader.stop() for reader in readers)


def sighting(reader: CameraReader) -> Sighting:
    now = time.monotonic()
    return judge(reader.reading(now), now)


def becomes(reader: CameraReader, status: Status, *reasons: str) -> Callable[[], bool]:
    return lambda: (seen := sighting(reader)).status is status and (not reasons or seen.reason in reasons)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_well_camera_is_measured_without_decoding(watched: Callable[..., CameraReader], transport: str) -> None:
    reader = watched(3, transport)
    # The first interval may begin with what FFmpeg had kept while it analysed.
    wait_until(
        lambda: 1.7 < (reader.reading().key_interval_s or 0) < 2.3 and reader.reading().fps > 8, "a measured stream"
    )
    reading = reader.reading()
    assert (reading.codec, reading.width, reading.height, reading.connects) == ("h264", 640, 360, 1)
    assert 100_000 < reading.bitrate_bps < 900_000
    key = reader.latest_key()
    assert key is not None and len(key.data) > 5000


def test_the_cameras_clock_is_known_from_rtcp_without_onvif(watched: Callable[..., CameraReader]) -> None:
    reader = watched(3)
    ahead = wait_until(lambda: reader.reading().clock_ahead_s, "a sender report")
    assert abs(ahead) < 3


@pytest.mark.parametrize(
    ("number", "fault", "reasons"),
    [
        (3, "half-open", ("stalled", "timeout")),
        (2, "stall", ("stalled", "timeout")),
        (4, "audio-only", ("audio_only",)),
        (5, "drop", ("closed", "camera_error")),
        (1, "wrong-password", ("wrong_password",)),
    ],
)
def test_a_dead_camera_is_offline_with_its_reason_in_under_fifteen_seconds_and_comes_back(
    cameras: Cameras, watched: Callable[..., CameraReader], number: int, fault: str, reasons: tuple[str, ...]
) -> None:
    reader, health, changes = watched(number), Health(), list[HealthChanged]()

    def look() -> HealthChanged | None:
        nonlocal health
        health, changed = watch(health, sighting(reader), datetime.now(UTC))
        if changed:
            changes.append(changed)
        return changes[-1] if changes else None

    wait_until(lambda: (change := look()) and change.status is Status.ONLINE, "online")
    broken_at = datetime.now(UTC)
    cameras.command(number, fault)
    wait_until(lambda: (change := look()) and change.status is Status.OFFLINE, "offline", 20)
    assert (changes[-1].at - broken_at).total_seconds() < 15
    assert abs((changes[-1].since - broken_at).total_seconds()) < 4
    wait_until(becomes(reader, Status.OFFLINE, *reasons), f"the reason {reasons}")
    cameras.command(number, None)
    wait_until(lambda: (change := look()) and change.status is Status.ONLINE, "online again")
    assert len(changes) == 3


def test_a_limping_camera_is_degraded_with_its_reason(cameras: Cameras, watched: Callable[..., CameraReader]) -> None:
    slow, back = watched(3), watched(2)
    cameras.command(3, "slow")
    cameras.command(2, "back")
    wait_until(becomes(slow, Status.DEGRADED, "low_frame_rate"), "low frame rate")
    wait_until(becomes(back, Status.DEGRADED, "time_goes_back"), "time that goes back")
    assert back.reading().times_back >= 1


def test_a_fleet_reads_exactly_what_it_holds_and_leaves_no_connection(cameras: Cameras) -> None:
    fleet = Fleet(QUICK)
    fleet.hold([cameras.source(1), cameras.source(2)])
    wait_until(lambda: sum(r.packets > 5 for r in fleet.readings().values()) == 2, "two cameras")
    kept = fleet.reader("cam-002")
    fleet.hold([cameras.source(2), cameras.source(3)])
    wait_until(lambda: fleet.readings()["cam-003"].packets > 5, "the third camera")
    assert fleet.reader("cam-002") is kept and fleet.reader("cam-001") is None
    wait_until(lambda: cameras.clients(1) == 0, "the first camera to be left alone")
    assert fleet.stop()
    wait_until(lambda: cameras.clients(2) == cameras.clients(3) == 0, "no connections")


def test_a_changed_password_is_used_at_once(cameras: Cameras) -> None:
    fleet = Fleet(QUICK)
    fleet.hold([cameras.source(3, password="old")])
    wait_until(lambda: fleet.readings()["cam-003"].failure == "wrong_password", "the refusal")
    fleet.hold([cameras.source(3)])
    wait_until(lambda: fleet.readings()["cam-003"].packets > 5, "pictures")
    assert fleet.stop()

"""Cameras are read on the wire: what dies, stalls or limps is seen in time, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ipcam.domain.health import Health, HealthChanged, Patience, Sighting, Status, watch
from ipcam.domain.wire import judge
from ipcam.stream import CameraReader, Fleet, Reading
from tests.conditions import wait_until
from tests.integration.ipcam.simulated import Cameras

QUICK = Reading(backoff_first_s=0.2, backoff_most_s=1.0, refused_s=2.0)
PATIENCE = Patience(recovery=timedelta(seconds=2))


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


DEAD = (
    (3, "half-open", ("stalled", "timeout")),
    (2, "stall", ("stalled", "timeout")),
    (4, "audio-only", ("audio_only",)),
    (5, "drop", ("closed", "camera_error")),
    (1, "wrong-password", ("wrong_password",)),
)


class Followed:
    """One camera as a watcher believes it to be, with the patience of a deployment but for coming back."""

    def __init__(self, reader: CameraReader) -> None:
        self.reader, self.health, self.changes = reader, Health(), list[HealthChanged]()

    def becomes(self, status: Status) -> bool:
        self.health, changed = watch(self.health, sighting(self.reader), datetime.now(UTC), PATIENCE)
        self.changes += [changed] if changed else []
        return self.health.status is status


def test_dead_cameras_are_offline_with_their_reasons_in_under_fifteen_seconds_and_come_back(
    cameras: Cameras, watched: Callable[..., CameraReader]
) -> None:
    followed = {number: Followed(watched(number)) for number, _, _ in DEAD}

    def all_become(status: Status, seconds: float = 40) -> None:
        wait_until(
            lambda: sum(one.becomes(status) for one in followed.values()) == len(DEAD), f"all being {status}", seconds
        )

    all_become(Status.ONLINE)
    broken_at = {}
    for number, fault, _ in DEAD:
        broken_at[number] = datetime.now(UTC)
        cameras.command(number, fault)
    all_become(Status.OFFLINE, 20)
    for number, fault, reasons in DEAD:
        change = followed[number].changes[-1]
        assert (change.at - broken_at[number]).total_seconds() < 15, fault
        assert abs((change.since - broken_at[number]).total_seconds()) < 4, fault
        wait_until(becomes(followed[number].reader, Status.OFFLINE, *reasons), f"{fault}: the reason {reasons}")
        cameras.command(number, None)
    all_become(Status.ONLINE)
    for one in followed.values():
        # A stream that was never disconnected may be degraded on its way back, while the gap is still in sight.
        told = [change.status for change in one.changes if change.status is not Status.DEGRADED]
        assert told == [Status.ONLINE, Status.OFFLINE, Status.ONLINE]


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

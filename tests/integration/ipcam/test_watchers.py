"""Watchers share cameras through PostgreSQL, tell what they see once and in order, and take over from one another."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.integration.ipcam.simulated import PASSWORD
from tests.integration.ipcam.watching import World, command_lines, wait_until

#: Times that the tests shorten, as the settings have them by default.
DARK_AS_DEPLOYED = {"SILENT_S": "6", "OFFLINE_AFTER_S": "10"}
LEASED_AS_DEPLOYED = {"LEASE_S": "15", "LEASE_RENEW_S": "5"}


def test_a_registered_camera_is_watched_and_its_history_begins(world: World) -> None:
    camera = world.add(3)
    world.run()
    seen = world.wait_status(camera, "online")
    assert (seen["reason"], seen["faults"]) == (None, {})
    assert world.types(camera) == ["camera_registered", "camera_online"]
    assert [line["kind"] for line in world.history(camera)] == ["registered", "online"]
    health = wait_until(
        lambda: (found := world.call("GET", f"/v1/cameras/{camera}/health").json)["wire"] and found, "a measurement"
    )
    assert health["watched_by"] == {"worker": world.leases()[camera][0], "epoch": 1, "held": True}
    assert (health["wire"]["codec"], health["wire"]["width"]) == ("h264", 640)


@pytest.mark.timeout(180)
def test_cameras_that_go_dark_are_told_within_fifteen_seconds_and_come_back_once_each(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the patience of a deployment; the figures are printed."""
    ways = {
        5: ("drop", {"closed", "camera_error", "no_answer"}),
        3: ("half-open", {"stalled", "timeout"}),
        1: ("wrong-password", {"wrong_password"}),
    }
    cameras = {number: world.add(number) for number in ways}
    world.run(**DARK_AS_DEPLOYED)
    for number in ways:
        world.wait_status(cameras[number], "online")
    broken_at = {}
    for number, (fault, _) in ways.items():
        broken_at[number] = datetime.now(UTC)
        world.cameras.command(number, fault)
    for number, (fault, reasons) in ways.items():
        assert world.wait_status(cameras[number], "offline")["reason"] in reasons
        dark = next(data for kind, _, data in world.announced(cameras[number]) if "offline" in kind)
        took_s = (datetime.fromisoformat(dark["at"]) - broken_at[number]).total_seconds()
        with capsys.disabled():
            print(f"\noffline event of a camera with {fault}: {took_s:.1f} s")
        assert took_s < 15
        world.cameras.command(number, None)
    for number, (_, reasons) in ways.items():
        world.wait_status(cameras[number], "online", 60)
        everything = world.announced(cameras[number])
        told = [one for one in everything if one[0] != "ipcam.snapshot_taken.v1"]  # the clip is there when it is there
        assert [kind.split(".")[1] for kind, _, _ in told] == [
            "camera_registered",
            "camera_online",
            "camera_offline",
            "camera_online",
        ]
        assert [sequence for _, sequence, _ in everything] == list(range(1, len(everything) + 1))
        assert told[2][2]["reason"] in reasons and told[2][2]["since"] < told[2][2]["at"]


def test_a_covered_camera_is_a_fault_with_its_picture_and_is_cleared_after(world: World) -> None:
    camera = world.add(3, name="Cổng số 1")
    world.run(PICTURE_EVERY_S="1")
    world.wait_status(camera, "online")
    wait_until(lambda: world.rows("SELECT 1 FROM camera_reference"), "the usual picture being learned")
    world.cameras.command(3, "cover")
    wait_until(lambda: "covered" in world.camera(camera)["faults"], "the fault")
    world.cameras.command(3, None)
    wait_until(lambda: world.camera(camera)["faults"] == {}, "its end")
    told = [(kind, data) for kind, _, data in world.announced(camera) if "fault" in kind]
    assert [(kind, data["fault"]) for kind, data in told] == [
        ("ipcam.fault_raised.v1", "covered"),
        ("ipcam.fault_cleared.v1", "covered"),
    ]
    taken = wait_until(
        lambda: [d for k, _, d in world.announced(camera) if k == "ipcam.snapshot_taken.v1"], "the picture"
    )
    assert taken[0]["snapshot"] == told[0][1]["snapshot"]
    letters = wait_until(lambda: [d for k, _, d in world.announced("CL-01") if k == "notify.send.v1"], "a letter")
    assert letters[0]["recipient"]["email"] == "truc@example.vn"
    assert "Cổng số 1: Camera bị che" in letters[0]["values"]["lines"]


@pytest.mark.timeout(180)
def test_two_watchers_share_and_a_killed_ones_cameras_move_within_thirty_seconds(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras = [world.add(number) for number in (1, 2, 3, 5)]
    first = world.run(**LEASED_AS_DEPLOYED)
    for camera in cameras:
        world.wait_status(camera, "online")
    world.run(**LEASED_AS_DEPLOYED)

    def shares() -> list[int]:
        workers = [worker for worker, _ in world.leases().values()]
        return sorted(workers.count(worker) for worker in set(workers))

    wait_until(lambda: shares() == [2, 2], "equal shares")
    dead = next(worker for worker, _ in world.leases().values() if f"-{first.pid}-" in worker)
    lost = {camera for camera, (worker, _) in world.leases().items() if worker == dead}
    first.kill()
    killed = time.monotonic()
    wait_until(
        lambda: all(worker != dead for worker, _ in world.leases().values()) and len(world.leases()) == 4, "the move"
    )
    took_s = time.monotonic() - killed
    with capsys.disabled():
        print(f"\nfailover after kill -9: {took_s:.1f} s")
    assert took_s < 30
    for camera in cameras:
        moves = [data for kind, _, data in world.announced(camera) if kind == "ipcam.lease_moved.v1"]
        assert len(moves) == world.leases()[camera][1] - 1
        assert not lost or camera not in lost or moves[-1]["was"] == dead
    # Who held the lease wrote, and nobody else: epochs never go back along the history, and one epoch is one watcher.
    for camera in cameras:
        written = [(line["epoch"], line["worker"]) for line in world.history(camera) if line["epoch"]]
        assert [epoch for epoch, _ in written] == sorted(epoch for epoch, _ in written)
        assert len(dict(written)) == len(set(written))
    world.cameras.command(5, "drop")
    world.wait_status(cameras[3], "offline")
    assert world.types(cameras[3]).count("camera_offline") == 1
    assert all(types.count("camera_online") == 1 for types in map(world.types, cameras))


def test_a_watcher_that_slept_through_its_lease_writes_nothing_more_under_it(world: World) -> None:
    camera = world.add(5)
    sleeper = world.run()
    world.wait_status(camera, "online")
    os.kill(sleeper.pid, signal.SIGSTOP)
    world.run()
    wait_until(lambda: world.leases().get(camera, ("", 0))[1] == 2, "the other to take over", 30)
    world.cameras.command(5, "drop")
    world.wait_status(camera, "offline")
    os.kill(
        sleeper.pid, signal.SIGCONT
    )  # it wakes up believing that it holds the camera, which it sees go dark only now
    wait_until(lambda: "lease lost" in sleeper.text or "leases ran out" in sleeper.text, "the sleeper to learn it")
    world.cameras.command(5, None)
    world.wait_status(camera, "online")
    assert world.types(camera).count("camera_offline") == 1
    written = [(line["epoch"], line["worker"]) for line in world.history(camera) if line["epoch"]]
    assert [epoch for epoch, _ in written] == sorted(epoch for epoch, _ in written)
    assert len(dict(written)) == len(set(written))


def test_a_budget_that_does_not_suffice_is_shared_fairly_and_said_openly(world: World) -> None:
    cameras = [world.add(number) for number in (1, 2, 3, 5)]
    world.run(PICTURE_EVERY_S="1", PICTURE_CORES="0.008")
    state = wait_until(
        lambda: next(
            (w["state"] for w in world.call("GET", "/v1/watchers").json["items"] if w["state"].get("picture_degraded")),
            None,
        ),
        "the shortage to be said",
        60,
    )
    assert state["picture_actual_s"] > 1.5 * state["picture_wanted_s"] and state["picture_budget_cores"] == 0.008
    wait_until(lambda: len(world.rows("SELECT 1 FROM camera_thumbnail")) == len(cameras), "everybody's turn", 60)


def test_a_watcher_that_stops_in_order_leaves_its_cameras_at_once(world: World) -> None:
    camera = world.add(3)
    first = world.run()
    world.wait_status(camera, "online")
    first.terminate()
    assert first.ended() == 0
    assert world.leases() == {} and world.call("GET", "/v1/watchers").json["items"] == []


def test_what_happens_while_the_database_is_away_is_told_after_it(world: World) -> None:
    camera = world.add(2)
    watcher = world.run()
    world.wait_status(camera, "online")
    with world.database_away():
        world.cameras.command(2, "drop")
        wait_until(lambda: "database away" in watcher.text, "the watcher to notice")
    world.wait_status(camera, "offline", 60)
    assert world.types(camera)[:3] == ["camera_registered", "camera_online", "camera_offline"]
    assert world.types(camera).count("camera_offline") == 1 and watcher.running


def test_under_maintenance_nobody_is_alarmed_and_after_it_somebody_is(world: World) -> None:
    camera = world.add(2)
    world.run()
    world.wait_status(camera, "online")
    now = datetime.now(UTC)
    window = {"site": "CL-01", "camera": camera, "reason": "Thay nguồn", "starts_at": now.isoformat()}
    planned = world.call("POST", "/v1/maintenance", json=window | {"ends_at": (now + timedelta(hours=1)).isoformat()})
    assert planned.status_code == 201, planned.text
    wait_until(
        lambda: world.call("GET", f"/v1/cameras/{camera}/health").json["maintenance"] == "Thay nguồn", "maintenance"
    )
    world.cameras.command(2, "drop")
    world.wait_status(camera, "offline")
    told = [data["planned"] for kind, _, data in world.announced(camera) if kind == "ipcam.camera_offline.v1"]
    assert told == [True]
    assert world.rows("SELECT text FROM alarm") == []
    etag = {"If-Match": planned.headers["ETag"]}
    assert world.call("DELETE", planned.headers["Location"], headers=etag).status_code == 204
    alarms = wait_until(lambda: world.rows("SELECT text FROM alarm"), "the alarm")
    assert "hết thời gian bảo trì nhưng vẫn mất hình" in alarms[0]["text"]


def test_credentials_are_in_no_event_log_url_or_process_list(world: World) -> None:
    camera = world.add(3)
    watcher = world.run(LOG_LEVEL="debug")
    world.wait_status(camera, "online")
    world.cameras.command(3, "wrong-password")
    world.wait_status(camera, "offline")
    secrets = {PASSWORD, quote(PASSWORD, safe="")}
    tables = [row["t"] for row in world.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    stored = "\n".join(str(world.rows(f"SELECT t::text FROM {table} t")) for table in tables)
    shown = world.call("GET", f"/v1/cameras/{camera}").text + str(world.history(camera))
    for secret in secrets:
        for place in (watcher.text, stored, shown, command_lines()):
            assert secret not in place

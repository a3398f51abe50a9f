"""Measures the wired service, processes, database and all: `python -m tests.load.watcher --cameras 20,100 [--motion] [--persons] [--times]`.

Prints JSON lines. The streams are those of cameras.py. For each number of cameras: CPU (user + system of the watcher alone over 30 s, as % of one
core, per camera) and memory (unique set size). With --times, at the settings of a deployment: how long after a fault its offline event says
that it was believed, how long after kill -9 of a watcher all its cameras are held by another, and how long after a viewer asks for a living
picture its first frame can be decoded. Servers of its own (IOC_TEST_STATE, IOC_TEST_PORT_BASE) are started and stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import structlog

from infra.local.fixtures import PORT_BASE, STATE, local
from infra.local.stack import ROOT, Stack
from tests.integration.ipcam import watching
from tests.integration.ipcam.looking import Browser, first_picture
from tests.integration.ipcam.simulated import Cameras
from tests.load.cameras import _simulator

PORT = 19754
SECONDS = 30
#: What the tests shorten, as a deployment has it.
DEPLOYED = {
    "SILENT_S": "6",
    "OFFLINE_AFTER_S": "10",
    "RECOVERED_AFTER_S": "10",
    "REFUSED_WAIT_S": "20",
    "RETRY_MOST_S": "20",
    "LEASE_S": "15",
    "LEASE_RENEW_S": "5",
    "WIRE_EVERY_S": "10",
    "PICTURE_EVERY_S": "10",
    "PERSON_EVERY_S": "2",
}
BUDGETS = {"PICTURE_CORES": "1", "MOTION_CORES": "1.8", "PERSON_CORES": "0.25"}
GROUND = {"ground": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}
WAYS = ("drop", "half-open", "stall")


@contextmanager
def a_world(stack: Stack, count: int, **asked: Any) -> Iterator[tuple[watching.World, list[str]]]:
    """A database with so many cameras, and their ids; its processes are ended."""
    with tempfile.TemporaryDirectory() as folder:
        world = watching.World(stack, Cameras(PORT), Path(folder))
        try:
            world.add_site()
            yield world, [_register(world, number, asked) for number in range(1, count + 1)]
        finally:
            world.close()


def _register(world: watching.World, number: int, asked: dict[str, Any]) -> str:
    streams = {"rtsp_url": world.cameras.url(number, "main"), "sub_url": world.cameras.url(number)}
    body = {"site": "CL-01", "name": f"Camera {number}", "placement": "corridor"} | streams | asked
    answer = world.call("POST", "/v1/cameras", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def _all_online(world: watching.World, count: int) -> None:
    online = "SELECT count(*) AS n FROM camera WHERE status = 'online'"
    watching.wait_until(lambda: world.rows(online)[0]["n"] == count, "every camera being online", 120)


def measure(stack: Stack, count: int, motion: bool, persons: bool) -> dict[str, Any]:
    """One watcher with so many cameras, after all are online and have settled."""
    asked = ({"motion": {"areas": {}, "masks": []}} if motion else {}) | (
        {"forbidden_areas": GROUND} if persons else {}
    )
    with a_world(stack, count, **asked) as (world, _):
        process = world.run(**DEPLOYED, **BUDGETS)
        _all_online(world, count)
        time.sleep(15)  # the decoders' first pictures and the learning are not the usual load
        return {"cameras": count, "motion": motion, "persons": persons} | _used(process.pid, count) | _state(world)


def _used(pid: int, count: int) -> dict[str, Any]:
    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(SECONDS)
    after, took = process.cpu_times(), time.monotonic() - began
    cores = (after.user + after.system - before.user - before.system) / took
    memory = process.memory_full_info().uss / 1e6
    return {
        "core_percent_per_camera": round(100 * cores / count, 3),
        "cameras_per_core": round(count / cores),
        "mb_per_camera": round(memory / count, 2),
    }


def _state(world: watching.World) -> dict[str, Any]:
    state = world.rows("SELECT state FROM watcher")[0]["state"]
    names = ("picture_actual_s", "picture_used_cores", "picture_degraded", "person_actual_s", "person_used_cores")
    return {name: state[name] for name in names}


def offline_times(stack: Stack, rounds: int = 3) -> dict[str, Any]:
    """Seconds from the command to the moment at which the event says that the camera was believed to be offline."""
    took: list[float] = []
    with a_world(stack, len(WAYS)) as (world, cameras):
        world.run(**DEPLOYED)
        for done in range(1, rounds + 1):
            _all_online(world, len(WAYS))
            broken_at = {}
            for number, way in enumerate(WAYS, 1):
                broken_at[number] = datetime.now(UTC)
                world.cameras.command(number, way)
            for number, camera in enumerate(cameras, 1):
                dark = watching.wait_until(lambda c=camera, nth=done: _offline(world, c, nth), "the event")  # type: ignore[misc]
                took.append((datetime.fromisoformat(dark["at"]) - broken_at[number]).total_seconds())
                world.cameras.command(number, None)
    return {"offline_event_s": {"median": round(median(took), 1), "worst": round(max(took), 1), "events": len(took)}}


def _offline(world: watching.World, camera: str, nth: int) -> Any:
    told = [data for kind, _, data in world.announced(camera) if kind == "ipcam.camera_offline.v1"]
    return told[nth - 1] if len(told) >= nth else None


def failover_times(stack: Stack, count: int = 20, rounds: int = 3) -> dict[str, Any]:
    """Seconds from kill -9 of one of two watchers until another holds each of its cameras."""
    took: list[float] = []
    with a_world(stack, count) as (world, _):
        watchers = [world.run(**DEPLOYED), world.run(**DEPLOYED)]

        def shares() -> list[int]:
            workers = [worker for worker, _ in world.leases().values()]
            return sorted(workers.count(worker) for worker in set(workers))

        for _ in range(rounds):
            watching.wait_until(lambda: shares() == [count // 2, count - count // 2], "equal shares", 60)
            dead = watchers.pop(0)
            dead.kill()
            killed = time.monotonic()
            watching.wait_until(
                lambda pid=dead.pid: (
                    len(world.leases()) == count  # type: ignore[misc]
                    and not any(f"-{pid}-" in worker for worker, _ in world.leases().values())
                ),
                "the move",
                60,
            )
            took.append(time.monotonic() - killed)
            watchers.append(world.run(**DEPLOYED))
    return {"failover_s": {"median": round(median(took), 1), "worst": round(max(took), 1), "kills": len(took)}}


def live_times(stack: Stack, count: int = 8) -> dict[str, Any]:
    """Seconds from asking for a living picture that nobody looks at until its first frame can be decoded."""
    took: list[float] = []
    with a_world(stack, count) as (world, cameras):
        live = world.run("live", LIVE_URL="", LIVE_IDLE_S="3")
        viewer = Browser(world, live.port)
        for camera in cameras:
            began = time.monotonic()
            status, body = viewer("POST", f"/v1/cameras/{camera}/views")
            assert status == 201, body
            first_picture(viewer, json.loads(body)["playlist_url"])
            took.append(time.monotonic() - began)
    return {"live_first_picture_s": {"median": round(median(took), 1), "worst": round(max(took), 1), "views": count}}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", default="20,100")
    parser.add_argument("--motion", action="store_true")
    parser.add_argument("--persons", action="store_true")
    parser.add_argument("--times", action="store_true", help="only offline event, failover and living picture")
    arguments = parser.parse_args()
    counts = [int(number) for number in arguments.cameras.split(",")]
    os.environ |= {"CAMERA_CREDENTIALS_KEY": watching.KEY, "LIVE_KEY": "a key of the bench of 32 characters"}
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # no line a request
    stack = Stack.chosen(STATE, PORT_BASE)
    local(stack, "servers", "up")
    watching.make_template(stack)
    simulator = _simulator(max(*counts, 20), PORT, str(ROOT / ".run/cameras/clips"))
    try:
        if arguments.times:
            for measured in (offline_times, failover_times, live_times):
                print(json.dumps(measured(stack)), flush=True)
            return
        for count in counts:
            print(json.dumps(measure(stack, count, arguments.motion, arguments.persons)), flush=True)
    finally:
        simulator.terminate()
        simulator.wait(10)
        if not os.environ.get("IOC_TEST_KEEP"):
            local(stack, "servers", "down")


if __name__ == "__main__":
    main()

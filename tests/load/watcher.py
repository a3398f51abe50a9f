"""Measures the real watcher process, database and all: `python -m tests.load.watcher --cameras 20,40,100 [--motion]`; prints JSON lines.

Needs the test servers (`python3 -m infra.local servers up --state .run/test --port-base 28000`). The simulated streams are those of cameras.py.
CPU is user + system time of the watcher alone over 30 s, as % of one core, per camera; memory is its unique set size.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from infra.local.fixtures import PORT_BASE, STATE
from infra.local.stack import ROOT, Stack
from tests.integration.ipcam import watching
from tests.load.cameras import _simulator

PORT = 19754
SECONDS = 30


def measure(stack: Stack, count: int, motion: bool) -> dict[str, Any]:
    """One watcher with so many cameras, after all are online and have settled."""
    with tempfile.TemporaryDirectory() as folder:
        world = watching.World(stack, None, Path(folder))  # type: ignore[arg-type]
        try:
            world.add_site()
            for number in range(1, count + 1):
                _register(world, number, motion)
            process = world.run(PICTURE_EVERY_S="10", PICTURE_CORES="1", MOTION_CORES="1.8")
            online = "SELECT count(*) AS n FROM camera WHERE status = 'online'"
            watching.wait_until(lambda: world.rows(online)[0]["n"] == count, "every camera being online", 120)
            time.sleep(15)
            return {"cameras": count, "motion": motion} | _used(process.pid, count) | _state(world)
        finally:
            world.close()


def _register(world: watching.World, number: int, motion: bool) -> None:
    body = {"site": "CL-01", "name": f"Camera {number}", "placement": "corridor"}
    body["rtsp_url"] = f"rtsp://127.0.0.1:{PORT}/cam-{number:03d}/sub"
    followed = {"motion": {"areas": {}, "masks": []}} if motion else {}
    assert world.call("POST", "/v1/cameras", json=body | followed).status_code == 201


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
    return {name: state[name] for name in ("picture_actual_s", "picture_used_cores", "picture_degraded")}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", default="20,100")
    parser.add_argument("--motion", action="store_true")
    arguments = parser.parse_args()
    counts = [int(number) for number in arguments.cameras.split(",")]
    os.environ |= {"CAMERA_CREDENTIALS_KEY": watching.KEY, "LIVE_KEY": "a key of the bench of 32 characters"}
    logging.disable(logging.CRITICAL)
    stack = Stack.chosen(STATE, PORT_BASE)
    watching.make_template(stack)
    simulator = _simulator(max(counts), PORT, str(ROOT / ".run/cameras/clips"))
    try:
        for count in counts:
            print(json.dumps(measure(stack, count, arguments.motion)), flush=True)
    finally:
        simulator.terminate()
        simulator.wait(10)


if __name__ == "__main__":
    main()

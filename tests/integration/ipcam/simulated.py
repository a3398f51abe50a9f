"""Real RTSP cameras for the tests: one simulator process for the session, broken and mended on command."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipcam.address import Source
from tests.conditions import wait_until

ROOT = Path(__file__).resolve().parents[3]
#: With everything that has a meaning in a URL, and Vietnamese letters.
PASSWORD = "Mật khẩu:1@/?#%"


@dataclass(frozen=True)
class Cameras:
    """The simulator: cam-001 … cam-005; the 4th has sound, the 5th sends H.265, the 1st sees night and the 2nd rain."""

    port: int

    def url(self, number: int, stream: str = "sub") -> str:
        return f"rtsp://127.0.0.1:{self.port}/cam-{number:03d}/{stream}"

    def source(self, number: int, stream: str = "sub", transport: str = "tcp", password: str = PASSWORD) -> Source:
        return Source(f"cam-{number:03d}", self.url(number, stream), f"cam-{number:03d}", password, transport)

    def onvif(self, number: int) -> str:
        return f"http://127.0.0.1:{self.port + 1}/onvif/cam-{number:03d}/device_service"

    def command(self, number: int, fault: str | None) -> None:
        """Breaks a camera, or mends it."""
        self.ask("PUT" if fault else "DELETE", f"/cameras/cam-{number:03d}/fault", {"fault": fault})

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port + 1}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=90) as answer:
            return json.loads(answer.read())

    def clients(self, number: int) -> int:
        return int(self.ask("GET", "/cameras")[number - 1]["clients"])

    def subscriptions(self, number: int) -> int:
        """How often somebody began to listen to what the camera says over ONVIF."""
        return int(self.ask("GET", "/cameras")[number - 1]["subscriptions"])


def _free_pair() -> int:
    """A free port whose neighbour is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cameras]:
    """Started once; clips are kept in .run between runs, the first run draws them (about a minute)."""
    port = _free_pair()
    log = tmp_path_factory.mktemp("cameras") / "log"
    command = [
        sys.executable,
        "-m",
        "infra.simulators.cameras",
        "--port",
        str(port),
        "--cameras",
        "5",
        "--h265",
        "1",
        "--night",
        "1",
        "--rain",
        "1",
    ]
    environment = {**os.environ, "CAMERAS_PASSWORD": PASSWORD}
    with log.open("w") as out:
        run = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "ready" in log.read_text() or run.poll() is not None, "the simulated cameras", 240)
        assert run.poll() is None, log.read_text()
        yield Cameras(port)
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(10)


@pytest.fixture
def cameras(simulator: Cameras) -> Iterator[Cameras]:
    """The simulator with every camera well, before and after."""
    yield simulator
    for camera in simulator.ask("GET", "/cameras"):
        if camera["fault"]:
            simulator.command(int(camera["id"][-3:]), None)

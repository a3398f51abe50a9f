"""Runs the probe's processes as the orchestrator would: with an environment, a probe port, signals and restarts."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.conditions import wait_until

ROOT = Path(__file__).resolve().parents[3]
KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "PYTHONPATH")


def free_port() -> int:
    """A port that nobody holds now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def answers(port: int, path: str) -> int | None:
    """The HTTP status of a local address, None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Process:
    """One `python -m <module> <job>`, its log and its probe port."""

    def __init__(self, module: str, job: str, environment: dict[str, str], log: Path) -> None:
        self.job = job
        self.port = free_port()
        self.log = log
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        ports = {"HTTP_PORT": str(self.port), "PROBE_PORT": str(self.port)}
        self.started_with = kept | {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"} | ports | environment
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", module, *job.split()],
                cwd=ROOT,
                env=self.started_with,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.pid = self.popen.pid

    def wait_ready(self) -> Self:
        """Wait for /readyz; a process that ends meanwhile fails at once with its last words."""

        def ready() -> bool:
            assert self.running, f"{self.job} ended with {self.popen.returncode}:\n{self.text[-3000:]}"
            return answers(self.port, "/readyz") == 200

        wait_until(ready, f"{self.job} being ready")
        return self

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self.popen.poll() is None

    @property
    def text(self) -> str:
        """What it has logged so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self.popen.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = 30) -> int:
        """Wait for the end, and return the exit code."""
        return self.popen.wait(seconds)

    def stop(self) -> None:
        """End it: in order, and after a while without."""
        if self.running:
            self.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class KeptRunning:
    """Starts a process again whenever it ends, as an orchestrator does; `ends` are the exit codes."""

    def __init__(self, start: object) -> None:
        self._start = start
        self._stopping = threading.Event()
        self.ends: list[int] = []
        self.process: Process = self._start()  # type: ignore[operator]
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stopping.is_set():
            code = self.process.popen.wait()
            if not self._stopping.is_set():
                self.ends.append(code)
                self.process = self._start()  # type: ignore[operator]

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.process.stop()
        self._thread.join()

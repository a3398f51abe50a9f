"""The whole platform as a newcomer starts it, on ports of its own; nothing of ours is imported."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
OFFSETS = {"dossier": 1, "notify": 2, "stats": 3, "ipcam": 4, "mailbox": 80}


class Answer:
    """An HTTP answer: status, headers, and the body as JSON where it is that."""

    def __init__(self, status: int, headers: Any, text: bytes) -> None:
        self.status = status
        self.headers = headers
        self.json = json.loads(text) if text[:1] in (b"{", b"[") else None


class Platform:
    """What `make` started, driven over HTTP and the command line only."""

    def __init__(self, state: str, port_base: int) -> None:
        self.port_base = port_base
        self.environment = dict(os.environ) | {
            "STATE": state,
            "PORT_BASE": str(port_base),
            "IOC_PROVINCE": "0",  # nobody files besides the tests
        }
        self.tokens: dict[str, str] = {}

    def make(self, *arguments: str) -> str:
        """Run a make target and return what it printed; a failure shows its words."""
        done = subprocess.run(
            ["make", "-s", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def call(self, service: str, path: str, body: Any = None, as_: str = "officer", **headers: str) -> Answer:
        """One request as one of the demo accounts; a body makes it a POST."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port_base + OFFSETS[service]}{path}")
        request.add_header("Authorization", f"Bearer {self._token(as_)}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def _token(self, account: str) -> str:
        if account not in self.tokens:
            self.tokens[account] = self.make("token", f"AS={account}").strip()
        return self.tokens[account]

    def mails(self, to: str) -> list[dict[str, Any]]:
        """What arrived in the local mailbox for one address."""
        return self.call("mailbox", "/api/messages?" + urllib.parse.urlencode({"to": to})).json["messages"]

    def python(self, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m <service> …` in the environment of that service."""
        script = f'eval "$(python3 -m infra.local env {service})" && cd services/{service} && exec ../../.venv/bin/python -m {service} "$@"'
        return subprocess.run(
            ["bash", "-c", script, "-", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first true value of `condition`; fails naming `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s: {what}")


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    running = Platform(".run/e2e", 29000)
    running.make("up")
    yield running
    if not os.environ.get("KEEP"):
        running.make("clean")

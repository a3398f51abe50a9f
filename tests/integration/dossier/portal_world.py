"""A world with a simulated national portal beside it, which can be made to misbehave, to forget and to be away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from dossier import settings
from dossier.domain import interruptions, lifecycle
from dossier.portal_wire import moment, snapshot
from dossier.states import from_json
from infra.local.processes import environment as environment_of
from infra.local.stack import ROOT, Stack
from tests.conditions import wait_until
from tests.integration.chassis.processes import Process, free_port
from tests.integration.dossier.watching import World

PASSWORD = "a-password-of-the-portal"
OPEN = "SELECT id FROM portal_delivery WHERE state IN ('waiting', 'reserved', 'dead')"
ACTS: dict[str, Any] = {
    "accept": lambda d, now, calendars: lifecycle.accept(d, now, calendars),
    "reject": lambda d, now, _: lifecycle.reject(d, now, "Không thuộc thẩm quyền giải quyết"),
    "ask": lambda d, now, cs: interruptions.request_supplement(d, now, cs, "Thiếu bản sao giấy khai sinh"),
    "supply": lambda d, now, calendars: interruptions.receive_supplement(d, now, calendars),
    "owe": lambda d, now, _: interruptions.require_payment(d, now, 200_000),
    "pay": lambda d, now, calendars: interruptions.record_payment(d, now, calendars, 200_000),
    "forward": lambda d, now, calendars: lifecycle.forward(d, now, calendars),
    "complete": lambda d, now, calendars: lifecycle.complete(d, now, calendars),
    "return": lambda d, now, _: lifecycle.return_result(d, now),
    "stop": lambda d, now, _: lifecycle.stop(d, now, "Có tranh chấp đang được giải quyết"),
    "withdraw": lambda d, now, _: lifecycle.withdraw(d, now),
}


class Simulator:
    """The simulated portal as a process of its own, on a port that it keeps through restarts."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder, self.seed = folder, seed
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Process | None = None

    def start(self) -> Simulator:
        """Start it and wait until it answers."""
        values = {
            "PORTAL_FILE": str(self.folder / "portal.sqlite"),
            "PORTAL_USERNAME": "ioc",
            "PORTAL_PASSWORD": PASSWORD,
            "PORTAL_SEED": str(self.seed),
            "HTTP_PORT": str(self.port),
        }
        self.process = Process("infra.simulators.portal", "", values, self.folder / "simulator.log")
        self.process.port = self.port
        self.process.wait_ready()
        return self

    def kill(self) -> None:
        """End it without notice."""
        if self.process is not None and self.process.running:
            self.process.kill()

    def control(self, path: str, **body: Any) -> None:
        """Command something. Fails when it is refused."""
        answer = requests.post(f"{self.url}/control/{path}", json=body, timeout=10)
        assert answer.ok, answer.text

    def faults(self, **changes: Any) -> None:
        """Change what is wrong."""
        self.control("faults", **changes)

    def get(self, path: str) -> Any:
        """What stands under /control."""
        return requests.get(f"{self.url}/control/{path}", timeout=10).json()

    def dossier(self, code: str) -> dict[str, Any]:
        """item (None when it is not there), statuses that came, progress lines."""
        found: dict[str, Any] = self.get(f"dossiers/{code}")
        return found

    def status(self, code: str) -> str | None:
        """The status it holds."""
        item = self.dossier(code)["item"]
        return item and item["TrangThaiHoSo"]


class PortalWorld(World):
    """A database, processes of the service, and the portal."""

    def __init__(self, stack: Stack, folder: Path, simulator: Simulator) -> None:
        super().__init__(stack, folder)
        self.simulator = simulator

    def close(self) -> None:
        super().close()
        self.simulator.kill()

    @property
    def account(self) -> dict[str, str]:
        """The environment of the adapter; quick, so that a test need not wait."""
        return {
            "PORTAL_URL": self.simulator.url,
            "PORTAL_USERNAME": "ioc",
            "PORTAL_PASSWORD": PASSWORD,
            "PORTAL_AGENCY": "H52",
            "PORTAL_TIMEOUT_S": "2",
            "PORTAL_POLL_S": "0.05",
            "PORTAL_RETRY_FIRST_S": "0.05",
            "PORTAL_RETRY_LONGEST_S": "0.5",
            "PORTAL_AWAY_LONGEST_S": "0.5",
            "PORTAL_RECONCILE_HOUR": "-1",
            "PORTAL_LOOKUPS_PER_S": "500",
        }

    def adapter(self, **environment: str) -> Process:
        """Start the adapter and wait until it is ready."""
        return self.run("portal", **(self.account | environment))

    def do(self, code: str, at: Any, *acts: str) -> str:
        """Do acts to a dossier, one after the other."""
        for act in acts:
            self.act(code, ACTS[act], at)
        return code

    def wait_sent(self) -> None:
        """Wait until nothing is owed."""
        wait_until(lambda: not self.sql(OPEN), "everything owed being sent")

    def command(self, *words: str) -> list[Any]:
        """Run a command of the service; what it printed, line by line."""
        environment = environment_of(self.stack, "dossier") | self.account | {"DATABASE_URL": self.url}
        base = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "services" / "dossier")}
        command = [sys.executable, "-m", "dossier", *words]
        done = subprocess.run(command, cwd=ROOT, env=base | environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_the_portal_agrees(self) -> None:
        """Status and due time of every dossier of our book stand at the portal."""
        rows = self.sql("SELECT code, state FROM dossier ORDER BY code")
        assert rows
        for row in rows:
            stands = snapshot(from_json(row.state))
            item = self.simulator.dossier(row.code)["item"]
            assert item is not None, f"{row.code} is not there"
            ours = (str(stands["status"]), moment(stands.get("due_at")))
            assert (item["TrangThaiHoSo"], item["NgayHenTra"]) == ours, row.code


def switch_on(monkeypatch: Any, url: str) -> None:
    """Make this process owe the portal what it does; PORTAL_URL is read once a process."""
    monkeypatch.setenv("PORTAL_URL", url)
    settings.portal_switch.cache_clear()

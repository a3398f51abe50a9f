"""A world for tests of the watch: an ipcam database of its own, real watchers, the API in this process, simulated cameras."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import psycopg2.extras
import pytest

from chassis.auth import create_key
from chassis.context import Caller, Context, new_id, running
from chassis.database import Database
from chassis.settings import AuthSettings, DatabaseSettings, WebSettings
from chassis.web import create_app
from infra.local.processes import environment as environment_of
from infra.local.stack import ROOT, Stack
from ipcam.errors import problem_of
from ipcam.views import BLUEPRINTS
from tests.integration.chassis.processes import Process
from tests.integration.ipcam.simulated import PASSWORD, Cameras

TEMPLATE = "ipcam_watch_template"
NOWHERE = "http://127.0.0.1:9"
KEY = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
ALL = ["camera:read", "camera:write", "audit:read"]
SITE = {"code": "CL-01", "name": "Khu cách ly số 1", "unit": "H52.21", "operator_email": "truc@example.vn"}
Found = TypeVar("Found")
OPERATOR = Caller(subject="test", role="operator", unit="*")


def wait_until(condition: Callable[[], Found], what: str, seconds: float = 40.0) -> Found:
    """Like tests.conditions.wait_until, asking five times a second: each answer costs the watcher under test its CPU."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:.0f} s; last answer: {answer!r}")
        time.sleep(0.2)
    return answer


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def make_template(stack: Stack) -> None:
    """A migrated database, which worlds are copied from."""
    admin = stack.database_url("postgres", "postgres")
    execute(admin, f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
    execute(admin, f"CREATE DATABASE {TEMPLATE} OWNER ipcam_owner")
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "services" / "ipcam")}
    environment["MIGRATION_DATABASE_URL"] = stack.database_url("ipcam_owner", TEMPLATE)
    done = subprocess.run(
        [sys.executable, "-m", "ipcam", "migrate"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


class World:
    """One test's database, with nothing running in it."""

    def __init__(self, stack: Stack, cameras: Cameras, folder: Path) -> None:
        self.stack, self.cameras, self.folder = stack, cameras, folder
        self.name = f"ipcam_watch_{uuid.uuid4().hex[:10]}"
        self.admin = stack.database_url("postgres", "postgres")
        execute(self.admin, f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE} OWNER ipcam_owner")
        self.url = stack.database_url("ipcam", self.name)
        self.database = Database(DatabaseSettings(url=self.url), "test")
        self.processes: list[Process] = []
        self.numbers = itertools.count(1)
        auth = AuthSettings(NOWHERE, "ioc", NOWHERE, requests_per_minute=100_000)
        self.app = create_app("ipcam", BLUEPRINTS, self.database, auth, WebSettings(), problem_of)
        self.client = self.app.test_client()
        self.keys: dict[tuple[str, ...], dict[str, str]] = {}

    def close(self) -> None:
        """Stop what was started, drop the database."""
        for process in self.processes:
            if process.running:
                process.kill()
        self.database.engine.dispose()
        execute(self.admin, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    # Processes

    def environment(self, **more: str) -> dict[str, str]:
        """What a process of ipcam reads, with short times."""
        return (
            environment_of(self.stack, "ipcam")
            | {
                "PYTHONPATH": f"{ROOT / 'services' / 'ipcam'}:{ROOT}",
                "DATABASE_URL": self.url,
                "OIDC_ISSUER": NOWHERE,
                "OIDC_AUDIENCE": "ioc",
                "OIDC_JWKS_URL": NOWHERE,
                "CAMERA_CREDENTIALS_KEY": KEY,
                "CAMERA_FILES_FOLDER": str(self.folder / "files"),
                "LIVE_KEY": "a key of the tests of 32 characters",
                "PICTURE_EVERY_S": "1",
                "PERSON_EVERY_S": "1",
                "PERSON_QUIET_S": "4",
                "WIRE_EVERY_S": "1",
                "SILENT_S": "3",
                "OFFLINE_AFTER_S": "4",
                "RECOVERED_AFTER_S": "2",
                "REFUSED_WAIT_S": "2",
                "RETRY_MOST_S": "2",
                "LEASE_S": "6",
                "LEASE_RENEW_S": "1",
                "LETTER_WAIT_S": "1",
                "LETTER_EVERY_S": "5",
                "SWEEP_EVERY_S": "1",
            }
            | more
        )

    def start(self, job: str = "watcher", **environment: str) -> Process:
        """Start a process of the service without waiting for it."""
        log = self.folder / f"{job}-{next(self.numbers)}.log"
        process = Process("ipcam", job, self.environment(**environment), log)
        self.processes.append(process)
        return process

    def run(self, job: str = "watcher", **environment: str) -> Process:
        """Start a process and wait until it is ready."""
        return self.start(job, **environment).wait_ready()

    @contextlib.contextmanager
    def database_away(self) -> Iterator[None]:
        """Nobody reaches this test's database meanwhile."""
        ends = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'"
        execute(self.admin, f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false", ends)
        try:
            yield
        finally:
            execute(self.admin, f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    # HTTP

    def call(self, method: str, path: str, unit: str | None = "H52", scopes: list[str] = ALL, **more: Any) -> Any:
        """Call the API; `unit` and `scopes` are those of the caller, None is nobody."""
        headers = dict(more.pop("headers", {}))
        if unit is not None:
            known = (unit, *scopes)
            self.keys[known] = self.keys.get(known) or self._key(scopes, unit)
            headers |= self.keys[known]
        return self.client.open(path, method=method, headers=headers, **more)

    def _key(self, scopes: list[str], unit: str) -> dict[str, str]:
        with self.database.transaction() as tx, running(Context(new_id(), caller=OPERATOR)):
            return {"Authorization": f"ApiKey {create_key(tx, 'test', scopes, unit, 100_000).text}"}

    def add_site(self, **more: Any) -> str:
        """Add a site; its code."""
        answer = self.call("POST", "/v1/sites", json=SITE | more)
        assert answer.status_code == 201, answer.text
        return str(answer.json["code"])

    def add(self, number: int, site: str = SITE["code"], **more: Any) -> str:
        """Register one of the simulated cameras; its id."""
        account = {"username": f"cam-{number:03d}", "password": PASSWORD}
        body = {"site": site, "name": f"Camera {number}", "placement": "corridor", "credentials": account}
        streams = {"rtsp_url": self.cameras.url(number, "main"), "sub_url": self.cameras.url(number)}
        answer = self.call("POST", "/v1/cameras", json=body | streams | more)
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    def camera(self, camera_id: str) -> Any:
        """One camera over HTTP."""
        return self.call("GET", f"/v1/cameras/{camera_id}").json

    def history(self, camera_id: str, kinds: str | None = None) -> list[Any]:
        """The history over HTTP, oldest first."""
        query = f"?limit=500&kind={kinds}" if kinds else "?limit=500"
        return list(reversed(self.call("GET", f"/v1/cameras/{camera_id}/history{query}").json["items"]))

    def wait_status(self, camera_id: str, status: str, seconds: float = 40) -> Any:
        """Wait for a status; the camera."""
        return wait_until(
            lambda: (seen := self.camera(camera_id))["status"] == status and seen,
            f"{camera_id} being {status}",
            seconds,
        )

    # The database

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows as the service's own role sees them."""
        with (
            contextlib.closing(psycopg2.connect(self.url)) as connection,
            connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor,
        ):
            cursor.execute(query, values)
            return [dict(row) for row in cursor.fetchall()]

    def announced(self, camera_id: str) -> list[tuple[str, int, dict[str, Any]]]:
        """(type, sequence, data) of what was announced of a camera, in order; no relay runs, so the outbox has it all."""
        rows = self.rows("SELECT type, sequence, data FROM outbox WHERE subject = %s ORDER BY id", camera_id)
        return [(row["type"], row["sequence"], json.loads(row["data"])) for row in rows]

    def types(self, camera_id: str) -> list[str]:
        """The types of what was announced of a camera, in order, without prefix and version."""
        return [kind.split(".")[1] for kind, _, _ in self.announced(camera_id)]

    def leases(self) -> dict[str, tuple[str, int]]:
        """Camera → worker and epoch of the leases that are held now."""
        rows = self.rows("SELECT camera_id::text, worker, epoch FROM camera_lease WHERE expires_at > now()")
        return {row["camera_id"]: (row["worker"], row["epoch"]) for row in rows}


@pytest.fixture(scope="session")
def template(private_servers: Stack) -> Stack:
    """The servers, with a migrated template."""
    make_template(private_servers)
    return private_servers


@pytest.fixture
def world(template: Stack, cameras: Cameras, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with one site."""
    monkeypatch.setenv("CAMERA_CREDENTIALS_KEY", KEY)
    monkeypatch.setenv("CAMERA_FILES_FOLDER", str(tmp_path / "files"))
    monkeypatch.setenv("LIVE_KEY", "a key of the tests of 32 characters")
    made = World(template, cameras, tmp_path)
    made.add_site()
    yield made
    made.close()


def command_lines() -> str:
    """The arguments of every process that runs on this machine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((folder / "cmdline").read_bytes().decode(errors="replace"))
    assert str(os.getpid())
    return "\n".join(found)

"""The private PostgreSQL and RabbitMQ that the benchmark runs on: starts them, finds them, stops them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from tests.load import meters

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".run" / "bench"
STATE, PORT_BASE = str(FOLDER / "stack"), 30000


@dataclass(frozen=True)
class Servers:
    """Where the two servers are, as superusers; the pids are None where the servers run out of sight of /proc."""

    postgres_url: str
    amqp_url: str
    postgres_pid: int | None
    broker_pid: int | None
    passwords: dict[str, str] = field(default_factory=dict)

    def database_url(self, name: str) -> str:
        """URL of a database of the benchmark's own, created when it is not there."""
        with closing(psycopg2.connect(self.postgres_url)) as admin, admin.cursor() as cursor:
            admin.autocommit = True
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            if not cursor.rowcount:
                cursor.execute(f'CREATE DATABASE "{name}"')
        return urlsplit(self.postgres_url)._replace(path=f"/{name}").geturl()

    def role_url(self, database_url: str, role: str) -> str:
        """The same database as a role that owns nothing, created when it is not there."""
        if role not in self.passwords:
            self.passwords[role] = secrets.token_urlsafe(24)
            with closing(psycopg2.connect(self.postgres_url)) as admin, admin.cursor() as cursor:
                admin.autocommit = True
                cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
                verb = "ALTER" if cursor.rowcount else "CREATE"
                cursor.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD %s', (self.passwords[role],))
        parts = urlsplit(database_url)
        return parts._replace(netloc=f"{role}:{self.passwords[role]}@{parts.hostname}:{parts.port}").geturl()


@contextmanager
def running() -> Iterator[Servers]:
    """The servers of BENCH_POSTGRES_URL and BENCH_AMQP_URL (superusers), or private ones of the local stack."""
    if "BENCH_POSTGRES_URL" in os.environ:
        yield _found(os.environ["BENCH_POSTGRES_URL"], os.environ["BENCH_AMQP_URL"])
        return
    from infra.local.stack import Stack

    _stack("up")
    try:
        stack = Stack.chosen(STATE, PORT_BASE)
        postgres_url, amqp_url = stack.database_url("postgres", "postgres"), stack.amqp_url("developer")
        if _turn_on_commit_times(postgres_url):
            _stack("down")
            _stack("up")
        yield _found(postgres_url, amqp_url)
    finally:
        _stack("down")


def commit_times(postgres_url: str) -> bool:
    """True when PostgreSQL keeps the time of every commit, which the section `latency` reads."""
    with closing(psycopg2.connect(postgres_url)) as admin, admin.cursor() as cursor:
        cursor.execute("SHOW track_commit_timestamp")
        return cursor.fetchone() == ("on",)


def _turn_on_commit_times(postgres_url: str) -> bool:
    """Returns True when the server must be started again for it."""
    if commit_times(postgres_url):
        return False
    with closing(psycopg2.connect(postgres_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    return True


@contextmanager
def dossier_stack() -> Iterator[Any]:
    """The local stack under whose servers the dossier's own benchmarks make their databases (BENCH_STATE and
    BENCH_PORT_BASE choose it); its servers are stopped afterwards."""
    from infra.local.stack import Stack

    state, port_base = os.environ.get("BENCH_STATE") or str(FOLDER), int(os.environ.get("BENCH_PORT_BASE") or 30400)
    _stack("up", state, port_base)
    try:
        yield Stack.chosen(state, port_base)
    finally:
        _stack("down", state, port_base)


def _stack(action: str, state: str = STATE, port_base: int = PORT_BASE) -> None:
    command = [sys.executable, "-m", "infra.local", "servers", action, "--state", state, "--port-base", str(port_base)]
    subprocess.run(command, cwd=ROOT, check=True)


def _found(postgres_url: str, amqp_url: str) -> Servers:
    return Servers(
        postgres_url,
        amqp_url,
        meters.listener(urlsplit(postgres_url).port or 5432, "postgres"),
        meters.listener(urlsplit(amqp_url).port or 5672, "beam"),
    )

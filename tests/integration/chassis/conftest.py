"""Worlds for the tests of the chassis: a template database once, then a copy, a name and processes for each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from infra.local.stack import Stack
from tests.integration.chassis.processes import KEPT
from tests.integration.chassis.world import MODULE, PASSWORD, TEMPLATE, World, execute


@pytest.fixture(scope="session")
def probe_stack(private_servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The run's servers, with a migrated database that worlds are copied from."""
    admin = private_servers.database_url("postgres", "postgres")
    owner = f"postgresql://probe_owner:{PASSWORD}@127.0.0.1:{private_servers.port('postgresql')}/{TEMPLATE}"
    for role in ("probe_owner", "probe"):
        execute(
            admin,
            f"DO $$ BEGIN IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role}; END IF; END $$",
            f"ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        )
    forget_left_over_worlds(admin)
    execute(admin, f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)", f"CREATE DATABASE {TEMPLATE} OWNER probe_owner")
    migrate(owner)
    return private_servers


def forget_left_over_worlds(admin_url: str) -> None:
    """Drop what a run that was killed left behind on servers that were kept."""
    with contextlib.closing(psycopg2.connect(admin_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^p[0-9a-f]{10}$'")
        left = [name for (name,) in cursor.fetchall()]
    execute(admin_url, *(f"DROP DATABASE {name} WITH (FORCE)" for name in left))


def migrate(owner_url: str) -> None:
    """Run the probe's migrations as the owner, in a process as in a deployment."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment = kept | {"LANG": "C.UTF-8", "MIGRATION_DATABASE_URL": owner_url}
    command = [sys.executable, "-m", MODULE, "migrate"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def new_world(probe_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """Makes worlds; they end with the module."""
    made: list[World] = []

    def make() -> World:
        folder: Path = tmp_path_factory.mktemp("world")
        made.append(World(probe_stack, folder))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(probe_stack: Stack, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own, with nothing running in it."""
    made = World(probe_stack, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(new_world: Callable[[], World]) -> World:
    """A world shared by the module's tests, with a relay and a worker running; tests use subjects of their own."""
    shared = new_world()
    relay, worker = shared.start("relay"), shared.start("worker")
    relay.wait_ready()
    worker.wait_ready()
    return shared

"""A world for each test of the dossier service: a copy of a database that is migrated and seeded once a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dossier import files, settings
from infra.local.stack import Stack
from tests.integration.dossier.reading_world import Desk
from tests.integration.dossier.watching import World, make_template


@pytest.fixture(scope="session")
def template(private_servers: Stack) -> Stack:
    """The run's servers, with the database that worlds are copied from."""
    make_template(private_servers)
    return private_servers


@pytest.fixture
def world(template: Stack, tmp_path: Path) -> Iterator[World]:
    """A world of the test's own, with nothing running in it."""
    made = World(template, tmp_path)
    yield made
    made.close()


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The application in this process, in the test's world; what a test sets in its environment counts from there on."""
    monkeypatch.setenv("DOSSIER_LOOKUP_KEY", "a key of the tests of 32 characters")
    monkeypatch.setenv("DOSSIER_FILES_FOLDER", str(tmp_path / "files"))
    for cached in (settings.lookup, settings.files, files.keep):
        cached.cache_clear()
    yield Desk(world)
    for cached in (settings.lookup, settings.files, files.keep):
        cached.cache_clear()

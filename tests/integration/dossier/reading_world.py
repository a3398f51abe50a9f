"""The application in this process, on a database of the test's own, called by machines with scopes and a unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import AuthSettings, WebSettings
from chassis.web import create_app
from dossier import files, settings
from dossier.errors import problem_of
from dossier.views import BLUEPRINTS
from infra.local.stack import Stack
from tests.integration.dossier.watching import World, make_template

NOWHERE = "http://127.0.0.1:9"
READ, WRITE = ["dossier:read"], ["dossier:read", "dossier:write"]


class Desk:
    """Calls the API; `unit` and `scopes` are those of the caller, None is nobody."""

    def __init__(self, world: World) -> None:
        self.world = world
        auth = AuthSettings(NOWHERE, "ioc", NOWHERE, requests_per_minute=100_000)
        app = create_app("dossier", BLUEPRINTS, world.database, auth, WebSettings(), problem_of)
        self.client = app.test_client()
        self.keys: dict[tuple[str, ...], dict[str, str]] = {}

    def __call__(
        self, method: str, path: str, unit: str | None = "H52.17", scopes: list[str] = WRITE, **more: Any
    ) -> Any:
        headers = dict(more.pop("headers", {}))
        if unit is not None:
            known = (unit, *scopes)
            self.keys[known] = self.keys.get(known) or self.world.keys(scopes, unit)
            headers |= self.keys[known]
        return self.client.open(path, method=method, headers=headers, **more)

    def file(self, name: str, procedure: str = "2.000488", unit: str = "H52.17", **more: Any) -> str:
        """File a dossier; its code."""
        body = {"procedure": procedure, "unit": unit, "applicant": {"full_name": name}} | more
        answer = self("POST", "/v1/dossiers", unit="*", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json["code"])

    def act(self, code: str, act: str, **body: Any) -> Any:
        """Do an act; the dossier after it."""
        answer = self("POST", f"/v1/dossiers/{code}/{act}", unit="*", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json

    def codes(self, query: str = "", **who: Any) -> list[str]:
        """The codes of a list, in its order."""
        answer = self("GET", f"/v1/dossiers{query}", **who)
        assert answer.status_code == 200, answer.text
        return [item["code"] for item in answer.json["items"]]


@pytest.fixture(scope="module")
def template(private_servers: Stack) -> Stack:
    """The servers, with a migrated and seeded template."""
    make_template(private_servers)
    return private_servers


@pytest.fixture
def desk(template: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in a world of the test's own."""
    monkeypatch.setenv("DOSSIER_LOOKUP_KEY", "a key of the tests of 32 characters")
    monkeypatch.setenv("DOSSIER_FILES_FOLDER", str(tmp_path / "files"))
    for cached in (settings.lookup, settings.files, files.keep):
        cached.cache_clear()
    world = World(template, tmp_path)
    yield Desk(world)
    world.close()
    for cached in (settings.lookup, settings.files, files.keep):
        cached.cache_clear()

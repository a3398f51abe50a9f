"""The application in this process, on a database of the test's own, called by machines with scopes and a unit."""

from __future__ import annotations

from typing import Any

from chassis.settings import AuthSettings, WebSettings
from chassis.web import create_app
from dossier.errors import problem_of
from dossier.views import BLUEPRINTS
from tests.integration.dossier.watching import World

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

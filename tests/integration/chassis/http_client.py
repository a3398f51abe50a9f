"""The probe's WSGI application in this process, with callers: what gunicorn would serve, without the sockets."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from chassis.contracts import all_blueprints
from chassis.settings import AuthSettings, WebSettings
from chassis.web import create_app
from tests.integration.chassis.issuer import AUDIENCE, Issuer
from tests.integration.chassis.probe.__main__ import ProbeService
from tests.integration.chassis.probe.views import BLUEPRINTS, domain_errors
from tests.integration.chassis.world import World


class Client:
    """Calls the application as one officer, unless another token is given."""

    def __init__(self, world: World, issuer: Issuer, **auth: Any) -> None:
        self.issuer = issuer
        settings = AuthSettings(issuer.url, AUDIENCE, issuer.jwks_url, **auth)
        blueprints = [*BLUEPRINTS, *all_blueprints(ProbeService("probe"))]
        web = WebSettings(body_limit_bytes=100_000)
        self.app: Flask = create_app("probe", blueprints, world.database, settings, web, domain_errors)
        self.token = issuer.token()

    def call(self, method: str, path: str, token: str | None = None, headers: Any = None, **more: Any) -> TestResponse:
        """One request; `token` "" sends none."""
        given = self.token if token is None else token
        credentials = {"Authorization": f"Bearer {given}"} if given else {}
        return self.app.test_client().open(path, method=method, headers=credentials | (headers or {}), **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        """GET."""
        return self.call("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        """POST."""
        return self.call("POST", path, **more)

    def put(self, path: str, **more: Any) -> TestResponse:
        """PUT."""
        return self.call("PUT", path, **more)

"""/livez, /readyz and /metrics of a process that serves no API, from one small thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app

from chassis.settings import ProbeSettings

Checks = Mapping[str, Callable[[], bool]]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes are no news."""


def readiness(checks: Checks) -> tuple[bool, dict[str, bool]]:
    """Ask every dependency; ready when all answer."""
    answers = {name: check() for name, check in checks.items()}
    return all(answers.values()), answers


def application(checks: Checks) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """The WSGI application of the probe port."""
    metrics = make_wsgi_app()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            page: Iterable[bytes] = metrics(environ, start_response)
            return page
        ready, answers = (True, {}) if environ["PATH_INFO"] == "/livez" else readiness(checks)
        start_response("200 OK" if ready else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return ["".join(f"{name} {'ok' if ok else 'away'}\n" for name, ok in answers.items()).encode() or b"ok\n"]

    return app


def serve(settings: ProbeSettings, checks: Checks) -> None:
    """Listen on the probe port in a daemon thread; a port that is taken stops the start."""
    server = make_server(settings.host, settings.port, application(checks), handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()

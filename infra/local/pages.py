"""Serves the small pages of the local stack: loopback only, no assets from elsewhere, nothing cached, quiet."""

from __future__ import annotations

import signal
import sys
from typing import Any

from flask import Flask, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from infra.local.stack import HOST

# Pages hold their own style; mail in HTML is shown in a sandboxed frame, without scripts and without remote content.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


def application(name: str) -> Flask:
    """A Flask application that answers only to this machine's own names (no DNS rebinding) and says when it is up."""
    app = Flask(name, template_folder="templates")
    app.config["TRUSTED_HOSTS"] = [HOST, "localhost"]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        return response

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Probes would fill the log."""


def serve(app: Flask, port: int) -> None:
    """Serve until SIGTERM."""
    server = make_server(HOST, port, app, threaded=True, request_handler=_Quiet)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()

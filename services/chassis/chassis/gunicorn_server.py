"""Runs the WSGI application under gunicorn with plain threads."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from prometheus_client import multiprocess

from chassis.contracts import all_blueprints
from chassis.database import Database
from chassis.service import Service
from chassis.settings import AuthSettings, DatabaseSettings, WebSettings


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn configured from our settings instead of a file; each worker process builds its own application."""

    def __init__(self, settings: WebSettings, build: Any) -> None:
        self.settings = settings
        self.build = build
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"{self.settings.host}:{self.settings.port}",
            "workers": self.settings.workers,
            "threads": self.settings.threads,
            "worker_class": "gthread",
            "graceful_timeout": self.settings.drain_s,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 - heartbeats, no data; the root file system is read-only
            "child_exit": lambda _server, worker: multiprocess.mark_process_dead(worker.pid),
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        app: Flask = self.build()
        return app


def serve(service: Service, settings: WebSettings, auth: AuthSettings, database: DatabaseSettings) -> None:
    """Serve until SIGTERM; open requests are finished."""

    def build() -> Flask:
        from chassis.web import create_app

        errors = service.load(service.domain_errors) or (lambda error: None)
        pool = Database(database, f"{service.name}-web")
        return create_app(service.name, all_blueprints(service), pool, auth, settings, errors)

    Server(settings, build).run()

"""Brings every service's database to its newest migration, and skips the services whose migrations have not changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psycopg2
from psycopg2 import sql

from infra.local.postgres import SUPERUSER
from infra.local.processes import migration_environment
from infra.local.progress import Refused, step
from infra.local.stack import ROOT, Stack
from infra.local.supervision import tail
from infra.local.venv import PYTHON

KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "TZ")


def up(stack: Stack, services: Iterable[str]) -> None:
    """Run `python -m <service> migrate` where it is due, side by side; what was done is noted in the database."""
    with contextlib.closing(psycopg2.connect(stack.database_url(SUPERUSER, "postgres"))) as connection:
        connection.autocommit = True
        due = [service for service in services if _noted(connection, service) != _digest(service)]
        if not due:
            return
        with step("migrations") as current:
            _run(stack, due)
            for service in due:
                _note(connection, service)
            current.outcome = ", ".join(due)


def _run(stack: Stack, services: list[str]) -> None:
    running = {service: _start(stack, service) for service in services}
    failed = [service for service, process in running.items() if process.wait() != 0]
    if failed:
        words = (f"{name}:\n{tail(_log(stack, name))}" for name in failed)
        raise Refused("a migration failed. Its last words: " + "\n".join(words))


def _start(stack: Stack, service: str) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with _log(stack, service).open("wb") as log:
        return subprocess.Popen(
            [str(PYTHON), "-m", service, "migrate"],
            cwd=ROOT / "services" / service,
            env=kept | migration_environment(stack, service),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _log(stack: Stack, service: str) -> Path:
    return stack.logs / f"{service}-migrate.log"


def _digest(service: str) -> str:
    """Changes with any migration that this database goes through, the chassis's own among them."""
    digest = hashlib.sha256()
    folders = (ROOT / "services" / service / "migrations", ROOT / "services" / "chassis" / "chassis")
    for path in sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".ini")
    ):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return f"migrated {digest.hexdigest()[:16]}"


def _noted(connection: psycopg2.extensions.connection, service: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [service])
        row = cursor.fetchone()
        return row[0] if row else None


def _note(connection: psycopg2.extensions.connection, service: str) -> None:
    with connection.cursor() as cursor:
        statement = sql.SQL("COMMENT ON DATABASE {} IS %s").format(sql.Identifier(service))
        cursor.execute(statement, [_digest(service)])

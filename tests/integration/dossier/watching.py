"""A world for tests of the watch: a dossier database of its own, real schedulers, and a database clock that can be moved."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from chassis.auth import create_key
from chassis.context import Caller, Context, new_id, running
from chassis.database import Database, Tx
from chassis.settings import DatabaseSettings
from dossier import catalogue, desk
from dossier.domain import interruptions, lifecycle
from dossier.domain.dossiers import Channel
from dossier.store import Person
from infra.local.processes import environment as environment_of
from infra.local.stack import ROOT, Stack
from tests.conditions import wait_until
from tests.integration.chassis.processes import Process

TEMPLATE = "dossier_watch_template"
OFFICER = Caller(subject="lò.thị.hương", role="officer", unit="*")
AN = Person("Nguyễn Văn An", email="an@example.com")
# A search path that names public first lets these stand before the built-in clock: the database's own time is moved.
MOVABLE_CLOCK = """
CREATE TABLE public.moved_clock (ahead interval NOT NULL);
INSERT INTO public.moved_clock VALUES ('0');
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.now() + ahead FROM public.moved_clock $$;
GRANT SELECT, UPDATE ON public.moved_clock TO dossier;
"""


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def make_template(stack: Stack) -> None:
    """A migrated database with the seeded catalogue, which worlds are copied from."""
    admin = stack.database_url("postgres", "postgres")
    execute(admin, f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
    execute(admin, f"CREATE DATABASE {TEMPLATE} OWNER dossier_owner")
    dossier(stack, "migrate", MIGRATION_DATABASE_URL=stack.database_url("dossier_owner", TEMPLATE))
    dossier(
        stack, "catalogue", "load", "infra/seed/province.json", DATABASE_URL=stack.database_url("dossier", TEMPLATE)
    )
    execute(stack.database_url("postgres", TEMPLATE), MOVABLE_CLOCK)


def dossier(stack: Stack, *words: str, **environment: str) -> None:
    """Run one command of the service to its end."""
    base = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "services" / "dossier")}
    done = subprocess.run(
        [sys.executable, "-m", "dossier", *words], cwd=ROOT, env=base | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


class World:
    """One test's database, with nothing running in it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.name = f"watch_{uuid.uuid4().hex[:10]}"
        admin = stack.database_url("postgres", "postgres")
        execute(admin, f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE} OWNER dossier_owner")
        execute(admin, f"ALTER DATABASE {self.name} SET search_path = public, pg_catalog")
        self.url = stack.database_url("dossier", self.name)
        self.database = Database(DatabaseSettings(url=self.url), "test")
        self.processes: list[Process] = []
        self.numbers = itertools.count(1)

    def close(self) -> None:
        """Stop what was started, drop the database."""
        for process in self.processes:
            if process.running:
                process.kill()
        self.database.close()
        admin = self.stack.database_url("postgres", "postgres")
        execute(admin, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    # Processes

    def start(self, job: str, **environment: str) -> Process:
        """Start a process of the service without waiting for it."""
        values = environment_of(self.stack, "dossier") | {
            "PYTHONPATH": str(ROOT / "services" / "dossier"),
            "DATABASE_URL": self.url,
            "OIDC_ISSUER": "http://127.0.0.1:9/issuer",
            "OIDC_AUDIENCE": "ioc",
            "OIDC_JWKS_URL": "http://127.0.0.1:9/jwks",
            "HTTP_WORKERS": "1",
            "DOSSIER_LOOKUP_KEY": "a key of the tests of 32 characters",
            "SCHEDULER_POLL_S": "0.1",
        }
        log = self.folder / f"{job}-{next(self.numbers)}.log"
        process = Process("dossier", job, values | environment, log)
        self.processes.append(process)
        return process

    def run(self, job: str, **environment: str) -> Process:
        """Start a process and wait until it is ready."""
        return self.start(job, **environment).wait_ready()

    # Dossiers

    @contextlib.contextmanager
    def acting(self, caller: Caller = OFFICER) -> Iterator[Tx]:
        """A transaction in the name of somebody."""
        with self.database.transaction() as tx, running(Context(new_id(), caller=caller)):
            yield tx

    def file(self, at: datetime.datetime, procedure: str = "2.000488", unit: str = "H52.17", **more: Any) -> str:
        """File a dossier at a moment; returns its code."""
        with self.acting() as tx:
            record = desk.file(tx, procedure, unit, more.get("channel", Channel.DIRECT), AN, at)
        return record.dossier.code

    def act(self, code: str, verb: Any, at: datetime.datetime) -> Any:
        """Do one act at a moment; returns the dossier."""
        with self.acting() as tx:
            return desk.act(tx, code, verb, verb.__name__, at).dossier

    def accepted(self, at: datetime.datetime, count: int = 1, **more: Any) -> list[str]:
        """File and accept dossiers at a moment."""
        codes = [self.file(at, **more) for _ in range(count)]
        for code in codes:
            self.act(code, lambda d, now, calendars: lifecycle.accept(d, now, calendars), at)
        return codes

    def owing(self, code: str, at: datetime.datetime) -> None:
        """Ask for money: the clock stands still."""
        self.act(code, lambda d, now, _: interruptions.require_payment(d, now, 1000), at)

    def paid(self, code: str, at: datetime.datetime) -> None:
        """The money came in: the clock goes on."""
        self.act(code, lambda d, now, calendars: interruptions.record_payment(d, now, calendars, 1000), at)

    def override(self, day: datetime.date, works: bool = False, unit: str | None = None) -> int:
        """Change the calendar as the API does; returns the number of the recounting."""
        from dossier import overrides

        with self.acting() as tx:
            number = overrides.add(tx, day, day, unit, works, "Nghỉ tránh bão", None)[0].recompute
        assert number is not None
        return number

    def keys(self, scopes: list[str], unit: str = "H52.17") -> dict[str, str]:
        """The header of a machine with these scopes."""
        with self.acting() as tx:
            return {"Authorization": f"ApiKey {create_key(tx, 'test', scopes, unit, None).text}"}

    def calendar(self, unit: str = "H52.17") -> Any:
        """A unit's working calendar."""
        with self.database.transaction() as tx:
            return catalogue.calendars(tx, {unit})[unit]

    # Time and what can be seen

    def move_clock(self, ahead: str) -> None:
        """Put the database's clock ahead by so much, or back."""
        self.sql("UPDATE moved_clock SET ahead = %s", ahead)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Run one statement as the service; the rows, if it has any."""
        with self.database.transaction() as tx:
            result = tx.exec_driver_sql(statement, values)
            return list(result) if result.returns_rows else []

    def said(self, kind: str, code: str | None = None) -> list[dict[str, Any]]:
        """The data of the events of a type (`overdue`) that wait in the outbox, in order."""
        rows = self.sql(
            "SELECT data FROM outbox WHERE type = %s AND (%s::text IS NULL OR subject = %s) ORDER BY id",
            f"dossier.{kind}.v1", code, code,
        )  # fmt: skip
        return [json.loads(row.data) for row in rows]

    def settled(self) -> bool:
        """Whether nothing is due and nothing is to be recounted."""
        due = "SELECT 1 FROM promise WHERE state = 'waiting' AND fires_at <= now() AND held_until IS NULL"
        return not self.sql(f"{due} UNION ALL SELECT 1 FROM recompute WHERE finished_at IS NULL")

    def wait_settled(self) -> None:
        """Wait until the schedulers have done everything."""
        wait_until(self.settled, "the schedulers having done everything")

    def blocked(self, sessions: int = 1) -> bool:
        """Whether so many schedulers wait for a lock in the middle of their work."""
        rows = self.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'dossier-scheduler' AND datname = %s"
            " AND wait_event_type = 'Lock'", self.name,
        )  # fmt: skip
        return len(rows) >= sessions


@contextlib.contextmanager
def outbox_closed(world: World) -> Iterator[None]:
    """Nobody can announce anything meanwhile: a scheduler stands in the middle of its transaction."""
    with contextlib.closing(psycopg2.connect(world.stack.database_url("postgres", world.name))) as connection:
        connection.cursor().execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        yield

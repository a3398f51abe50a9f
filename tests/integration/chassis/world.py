"""One test's world: a database, exchanges and queues of its own on the run's servers, and the probe's processes."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import amqp
import kombu
import psycopg2

from chassis import outbox, topology
from chassis.broker import connected
from chassis.database import Database, Tx
from chassis.events import Command, Fact
from chassis.settings import BrokerSettings, DatabaseSettings
from infra.local.stack import Stack
from tests.conditions import wait_until
from tests.integration.chassis.probe import events
from tests.integration.chassis.processes import KEPT, ROOT, Process

MODULE = "tests.integration.chassis.probe"
TEMPLATE = "probe_template"
PASSWORD = "only-loopback-only-tests"
FACTS = {"counted": events.Counted, "renamed": events.Renamed, "summed": events.Summed, "echoed": events.Echoed}
COMMANDS = {"order": events.Order, "errand": events.Errand}


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction, as CREATE DATABASE wants it."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


class World:
    """A fresh database and a fresh name, so that nothing of another test is in the way."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.name = f"p{uuid.uuid4().hex[:10]}"
        self.amqp_url = stack.amqp_url("developer")
        self.journal = folder / "journal"
        self.journal.touch()
        self.processes: list[Process] = []
        self.numbers = itertools.count(1)
        execute(self.admin_url(), f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE} OWNER probe_owner")
        self.database = Database(DatabaseSettings(url=self.database_url), "test")

    def admin_url(self, database: str = "postgres") -> str:
        """As the superuser."""
        return self.stack.database_url("postgres", database)

    def url(self, role: str) -> str:
        """This world's database as one role."""
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{self.stack.port('postgresql')}/{self.name}"

    @property
    def database_url(self) -> str:
        """As the service itself."""
        return self.url("probe")

    @property
    def broker(self) -> BrokerSettings:
        """The broker as an account that may do everything in the virtual host."""
        return BrokerSettings(url=self.amqp_url, timeout_s=5)

    def environment(self, **more: Any) -> dict[str, str]:
        """What every process of the probe reads; quick retries, so that tests do not wait."""
        values = {
            "PROBE_NAME": self.name,
            "PROBE_JOURNAL": self.journal,
            "DATABASE_URL": self.database_url,
            "AMQP_URL": self.amqp_url,
            "RETRY_FIRST_S": "0.2",
            "RETRY_LONGEST_S": "1",
            "RELAY_HELD_S": "0.5",
            "OIDC_ISSUER": "http://127.0.0.1:9/issuer",
            "OIDC_AUDIENCE": "ioc",
            "OIDC_JWKS_URL": "http://127.0.0.1:9/jwks",
            "HTTP_WORKERS": "1",
        }
        return {name: str(value) for name, value in (values | more).items()}

    def start(self, job: str, **environment: Any) -> Process:
        """Start a process without waiting for it."""
        log = self.folder / f"{job}-{next(self.numbers)}.log"
        process = Process(MODULE, job, self.environment(**environment), log)
        self.processes.append(process)
        return process

    def run(self, job: str, **environment: Any) -> Process:
        """Start a process and wait until it is ready."""
        return self.start(job, **environment).wait_ready()

    def cli(self, *words: str, **environment: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of the service to its end."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return subprocess.run(
            [sys.executable, "-m", MODULE, *words],
            cwd=ROOT,
            env=kept | {"LANG": "C.UTF-8"} | self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    # What the service writes

    def fact(self, kind: str) -> type[Fact]:
        """The probe's fact or command under this world's name."""
        base: type[Fact] = COMMANDS.get(kind) or FACTS[kind]
        return type(base.__name__, (base,), {"type": f"{self.name}.{kind}.v1"})

    def announce(self, kind: str, subject: str, tx: Tx | None = None, at: Any = None, **data: Any) -> str:
        """Announce one event in a transaction (its own, where none is given); returns its id."""
        if issubclass(self.fact(kind), Command):
            data = {"full_name": "Nguyễn Văn A"} | data
        elif kind != "echoed":
            data = {"amount": 1} | data
        if tx is not None:
            return outbox.announce(tx, self.fact(kind), subject, data, at)
        with self.database.transaction() as own:
            return outbox.announce(own, self.fact(kind), subject, data, at)

    def announce_load(self, events: int, subjects: int, at_once: int = 10) -> list[str]:
        """Announce many events, `at_once` in a transaction, in turn over the subjects; returns their ids."""
        ids = []
        for start in range(0, events, at_once):
            with self.database.transaction() as tx:
                for number in range(start, min(events, start + at_once)):
                    ids.append(self.announce("counted", f"s{number % subjects}", tx))
        return ids

    def tell(self, subject: str, what: str, times: int = 1) -> None:
        """Tell the handler what to do with a subject's events, and how often."""
        self.sql(
            "INSERT INTO told VALUES (%s, %s, %s) ON CONFLICT (subject) DO UPDATE SET what = excluded.what,"
            " times = excluded.times", subject, what, times,
        )  # fmt: skip

    def forgive(self, subject: str) -> None:
        """Take back what was told."""
        self.sql("DELETE FROM told WHERE subject = %s", subject)

    # What can be seen

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Run one statement as the service; the rows, if it has any."""
        with self.database.transaction() as tx:
            result = tx.exec_driver_sql(statement, values)
            return list(result) if result.returns_rows else []

    def effects(self, subject: str | None = None) -> list[Any]:
        """What the handlers left, in the order in which they left it."""
        return self.sql("SELECT * FROM effect WHERE %s IS NULL OR subject = %s ORDER BY id", subject, subject)

    def effect_count(self) -> int:
        """How many effects there are."""
        return int(self.sql("SELECT count(*) FROM effect")[0][0])

    def effect_ids(self) -> list[str]:
        """The ids of the events that had an effect, in order; an event that had two is there twice."""
        return [str(row.event_id) for row in self.effects()]

    def waiting(self, state: str | None = None) -> list[Any]:
        """Parked and dead events."""
        return self.sql("SELECT * FROM parked_event WHERE %s IS NULL OR state = %s ORDER BY id", state, state)

    def log_positions(self) -> list[Any]:
        """The event log."""
        return self.sql("SELECT * FROM event_log ORDER BY position")

    def invocations(self) -> list[str]:
        """The event ids of every time that a handler was called, whatever became of it."""
        return [line.split()[0] for line in self.journal.read_text().splitlines()]

    def invoked_sequences(self, subject: str) -> list[int]:
        """In which order a subject's events were handed to handlers."""
        lines = (line.split() for line in self.journal.read_text().splitlines())
        return [int(sequence) for _, about, sequence, _ in lines if about == subject]

    def await_effects(self, ids: Sequence[str], seconds: float = 60) -> None:
        """Wait until each of these has had an effect, and find that none had two."""
        wanted = list(set(ids))
        found = "SELECT count(DISTINCT event_id) FROM effect WHERE event_id = ANY(%s::uuid[])"
        wait_until(lambda: self.sql(found, wanted)[0][0] == len(wanted), f"effects of {len(wanted)} events", seconds)
        seen = self.effect_ids()
        assert len(seen) == len(set(seen)), "an event had two effects"

    def assert_order(self) -> None:
        """Within each subject, effects are in the order of the sequence."""
        last: dict[str, int] = {}
        for row in self.effects():
            assert row.sequence > last.get(row.subject, 0), f"{row.subject}: {row.sequence} after {last[row.subject]}"
            last[row.subject] = row.sequence

    # The broker from outside

    @contextlib.contextmanager
    def connection(self) -> Iterator[kombu.Connection]:
        """A connection of somebody else's."""
        with kombu.Connection(self.amqp_url) as connection:
            yield connection

    def headers(self, kind: str, subject: str = "s", **changed: Any) -> dict[str, Any]:
        """CloudEvents headers of an event; `None` leaves one out."""
        attributes = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": f"/{self.name}",
            "type": f"{self.name}.{kind}.v1",
            "time": datetime.datetime.now(datetime.UTC).isoformat(),
            "subject": subject,
            "sequence": "1",
        } | changed
        return {f"cloudEvents:{name}": value for name, value in attributes.items() if value is not None}

    def publish(
        self,
        body: bytes,
        headers: dict[str, Any],
        routing_key: str | None = None,
        content_type: str = "application/json",
    ) -> None:
        """Publish a message of any shape to this service's exchange, confirmed."""
        key = routing_key or headers.get("cloudEvents:type") or f"{self.name}.counted.v1"
        with self.connection() as connection:
            channel = connection.channel()
            channel.confirm_select()
            message = amqp.Message(body, content_type=content_type, application_headers=headers, delivery_mode=2)
            channel.basic_publish(message, f"{self.name}.events", key, mandatory=True)
            connection.drain_events(timeout=5)  # the confirm

    def publish_event(self, kind: str, subject: str = "s", **changed: Any) -> dict[str, Any]:
        """Publish a sound event; returns its headers."""
        headers = self.headers(kind, subject, **changed)
        self.publish(json.dumps({"amount": 1}).encode(), headers)
        return headers

    def declare(self, partitions: int = 1, delivery_limit: int = 10) -> None:
        """Declare the inbox as a worker does, so that messages gather in it before one runs."""
        facts = tuple(self.fact(kind) for kind in ("counted", "order", "renamed"))
        with connected(self.broker) as connection:
            topology.declare(connection, topology.Lane(f"{self.name}.inbox", facts, partitions, delivery_limit))

    def queue_depth(self, queue: str) -> int:
        """Messages that are ready in a queue."""
        with self.connection() as connection:
            return int(connection.channel().queue_declare(queue, passive=True).message_count)

    def close(self) -> None:
        """Stop what was started, drop what was made."""
        for process in self.processes:
            if process.running:
                process.kill()
        self.database.close()
        wait_until(lambda: self._try_to_drop(), "dropping the database")
        with self.connection() as connection:
            channel = connection.channel()
            lanes = [f"{self.name}.inbox", f"{self.name}.sums"]
            for name in lanes:
                for queue in (name, f"{name}.dead-letters", *(f"{name}.{number}" for number in range(4))):
                    channel.queue_delete(queue)
                for exchange in (name, f"{name}.dead-letters"):
                    channel.exchange_delete(exchange)
            for exchange in (f"{self.name}.events", f"{self.name}.commands", f"{self.name}.replays"):
                channel.exchange_delete(exchange)

    def _try_to_drop(self) -> bool:
        try:
            execute(self.admin_url(), f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        except psycopg2.OperationalError:  # the server is on its way back
            return False
        return True

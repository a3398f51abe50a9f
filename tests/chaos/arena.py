"""The private servers of a run, two fresh databases and an empty broker: where the run starts, and what it looks into."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import amqp
import psycopg2
import psycopg2.extras
from psycopg2 import sql

from infra.local import commands, postgres, rabbitmq, supervision
from infra.local.progress import Refused
from infra.local.stack import ROOT, Stack
from infra.local.supervision import Supervisor

STATE = ".run/chaos"
PORT_BASE = 31000  # below what the kernel hands out: a stopped server's port must stay free
SERVICES = Path(__file__).resolve().parent / "services"
NAMES = ("teller", "ledger")
LANES = ("ledger.inbox", "ledger.totals")
QUEUES = tuple(queue for lane in LANES for queue in (lane, f"{lane}.dead-letters"))
MARK = "IOC_CHAOS_CHILD_OF"  # in the environment of every child, so that a run finds what a killed one left behind


class Arena:
    """Everything that the run owns outside its own process."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.supervisor = Supervisor(stack)
        self.folder = stack.state / "run"

    @classmethod
    def chosen(cls) -> Arena:
        """STATE and PORT_BASE choose another place. The faults need the servers' pids: no containers."""
        os.environ["IOC_SERVERS"] = "packages"
        base = int(os.environ.get("PORT_BASE") or PORT_BASE)
        return cls(Stack.chosen(os.environ.get("STATE") or STATE, base))

    @contextlib.contextmanager
    def occupied(self) -> Iterator[None]:
        """One run at a time; a second is refused rather than mixed in."""
        self.stack.state.parent.mkdir(parents=True, exist_ok=True)
        with self.stack.state.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(f"another run uses {self.stack.state}; wait, or choose STATE and PORT_BASE") from None
            yield

    def open(self) -> None:
        """Servers up, nothing left of an earlier run."""
        for pid in leftovers(self.stack):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        commands.servers_up(self.stack)
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.glob("*"):
            path.unlink()
        self._forget_queues()
        for name in NAMES:
            self._recreate_database(name)
            self._migrate(name)

    def close(self) -> None:
        """Stop the servers; the data stays for whoever digs."""
        commands.servers_down(self.stack)

    def environment(self, name: str, database_port: int, broker_port: int) -> dict[str, str]:
        """What a child reads, with its servers behind proxies of its own and limits that suit a short run."""
        real = self.stack.port("postgresql"), self.stack.port("rabbitmq")
        kept = {
            key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH") if key in os.environ
        }
        return kept | {
            MARK: str(self.stack.state),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.stack.database_url(name, name).replace(f":{real[0]}/", f":{database_port}/"),
            "AMQP_URL": self.stack.amqp_url(rabbitmq.DEVELOPER).replace(f":{real[1]}/", f":{broker_port}/"),
            "AMQP_HEARTBEAT_S": "2",
            "AMQP_TIMEOUT_S": "3",
            "RETRY_FIRST_S": "0.2",
            "RETRY_LONGEST_S": "1",
            "DRAIN_S": "8",
            "INBOX_BATCH": "50",  # more batches and windows to be interrupted in
            "RELAY_WINDOW": "100",
            "LOG_LEVEL": "info",
            "LOG_FORMAT": "json",
        }

    def rows(self, name: str, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask one of the two databases directly, past every fault. Raises psycopg2.Error while it is away."""
        connection = psycopg2.connect(self.stack.database_url(name, name), connect_timeout=3)
        try:
            with connection, connection.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        finally:
            connection.close()

    @contextlib.contextmanager
    def broker(self) -> Iterator[amqp.Connection]:
        """A connection past every fault."""
        connection = amqp.Connection(
            host=f"127.0.0.1:{self.stack.port('rabbitmq')}",
            userid=rabbitmq.DEVELOPER,
            password=self.stack.passwords.of("rabbitmq", rabbitmq.DEVELOPER),
            virtual_host="ioc",
            connect_timeout=3,
            read_timeout=10,
            write_timeout=10,
        )
        connection.connect()
        try:
            yield connection
        finally:
            connection.collect()

    def queued(self) -> dict[str, int]:
        """Messages ready in each queue. What a live consumer holds is not among them."""
        with self.broker() as connection:
            return {queue: connection.channel().queue_declare(queue, passive=True).message_count for queue in QUEUES}

    def wait_for_servers(self, seconds: float) -> None:
        """Until both let us in. Raises Refused when one does not."""
        for name, answers in (("postgresql", postgres.answers), ("rabbitmq", rabbitmq.answers)):
            self.supervisor.start([name])
            supervision.wait_until(lambda: answers(self.stack), seconds, f"{name} did not come back")  # noqa: B023

    def _forget_queues(self) -> None:
        with self.broker() as connection:
            channel = connection.channel()
            for queue in QUEUES:
                channel.queue_delete(queue)
            for exchange in ("teller.events", "ledger.events", *(f"{lane}.dead-letters" for lane in LANES)):
                channel.exchange_delete(exchange)

    def _recreate_database(self, name: str) -> None:
        connection = psycopg2.connect(self.stack.database_url(postgres.SUPERUSER, "postgres"), connect_timeout=5)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
                for role in (f"{name}_owner", name):
                    cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
                    password = self.stack.passwords.of("postgresql", role)
                    cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(role)), [password])
                owner = sql.Identifier(f"{name}_owner")
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
        finally:
            connection.close()

    def _migrate(self, name: str) -> None:
        owner = self.stack.database_url(f"{name}_owner", name)
        result = subprocess.run(
            command(name, "migrate"),
            cwd=SERVICES / name,
            env={"PATH": os.environ["PATH"], "MIGRATION_DATABASE_URL": owner},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise Refused(f"the migration of {name} failed:\n{result.stdout}{result.stderr}")


def command(name: str, *words: str) -> list[str]:
    """How a process of one of the two services is started, from the service's folder."""
    return [str(ROOT / ".venv" / "bin" / "python"), "-W", "ignore", "-m", name, *words]


def leftovers(stack: Stack) -> list[int]:
    """Children of an earlier run that was killed, recognised by their environment."""
    mark = f"{MARK}={stack.state}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def eventually(condition: Any, seconds: float, pause_s: float = 0.2) -> bool:
    """Ask until it is true; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True

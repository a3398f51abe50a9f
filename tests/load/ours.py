"""The places where the platform's own processes are plugged into the benchmark: consumers, relays, webs, pipeline."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg2
from psycopg2.extras import execute_values

from tests.load import workload
from tests.load.broker import Broker, Wire
from tests.load.identity import Identity
from tests.load.process import Process
from tests.load.servers import Servers
from tests.load.trial import Subject
from tests.load.web import BODY, Web

SERVICE = Path(__file__).with_name("service")
INBOX = f"{workload.SERVICE}.inbox"
PORTS = {"worker": "30190", "relay": "30191", "web": "30192"}
FILL_OUTBOX = (
    "INSERT INTO outbox (event_id, exchange, type, subject, sequence, occurred_at, data, correlation_id, is_command)"
    " VALUES %s"
)


class Bench:
    """The service `bench` on the servers of the run: its database, its environment, its processes."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.owner_url = servers.database_url(workload.SERVICE)
        self.app_url = servers.role_url(self.owner_url, role=workload.SERVICE)
        self._migrate()

    def command(self, job: str) -> tuple[str, ...]:
        return (sys.executable, "-W", "ignore", "-m", workload.SERVICE, job)

    def environment(self, job: str, **more: str) -> dict[str, str]:
        path = os.pathsep.join([str(SERVICE), *filter(None, [os.environ.get("PYTHONPATH")])])
        port = {"HTTP_PORT": PORTS[job]} if job == "web" else {"PROBE_PORT": PORTS.get(job, "0")}
        return {"PYTHONPATH": path, "DATABASE_URL": self.app_url, "MIGRATION_DATABASE_URL": self.owner_url,
                "AMQP_URL": self.servers.amqp_url, "LOG_LEVEL": "info", **port, **more}  # fmt: skip

    def process(self, job: str, **more: str) -> Process:
        return Process(f"ours {job}", self.command(job), self.environment(job, **more))

    def empty(self) -> None:
        database = psycopg2.connect(self.owner_url)
        with database, database.cursor() as cursor:
            cursor.execute("TRUNCATE inbox, counter, dossier, outbox, outbox_sequence, parked_event, idempotency_key")
            cursor.execute("TRUNCATE event_log; UPDATE event_log_head SET position = 0")
        database.close()

    def _migrate(self) -> None:
        subprocess.run(self.command("migrate"), env={**os.environ, **self.environment("migrate")}, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


def consumers(servers: Servers, broker: Broker, wire: Callable[[workload.Event], Wire], total: int) -> list[Subject]:
    """`list`: a handler for many events, which is how counters are written; `each`: a handler for one event."""
    bench = Bench(servers)
    return [
        _consumer(bench, broker, wire, handler, count) for handler, count in (("list", total), ("each", total // 2))
    ]


def _consumer(
    bench: Bench, broker: Broker, wire: Callable[[workload.Event], Wire], handler: str, total: int
) -> Subject:
    def prepare() -> None:
        bench.empty()
        _declare_inbox(bench, broker)
        broker.fill(INBOX, map(wire, workload.events(total)))

    def progress(cursor: psycopg2.extensions.cursor) -> int:
        cursor.execute("SELECT coalesce(sum(received), 0)::bigint FROM counter")
        return int(cursor.fetchone()[0])  # type: ignore[index]

    return Subject(
        name=f"ours, {handler}",
        argv=bench.command("worker"),
        environment=bench.environment("worker", BENCH_HANDLER=handler),
        database_url=bench.owner_url,
        gate=("counter", "SHARE ROW EXCLUSIVE"),
        total=total,
        prepare=prepare,
        progress=progress,
    )


def relays(servers: Servers, broker: Broker, sink: str, total: int) -> list[Subject]:
    bench = Bench(servers)

    def prepare() -> None:
        bench.empty()
        database = psycopg2.connect(bench.owner_url)
        with database, database.cursor() as cursor:
            execute_values(cursor, FILL_OUTBOX, map(outbox_row, workload.events(total)), page_size=1000)
        database.close()
        broker.delete(INBOX)
        broker.delete(sink)
        broker.create(sink, workload.EVENT_TYPE)

    def progress(cursor: psycopg2.extensions.cursor) -> int:
        """Done is what has its position in the event log."""
        cursor.execute("SELECT position FROM event_log_head")
        return int(cursor.fetchone()[0])  # type: ignore[index]

    return [
        Subject(
            name="ours",
            argv=bench.command("relay"),
            environment=bench.environment("relay"),
            database_url=bench.owner_url,
            gate=("outbox", "ACCESS EXCLUSIVE"),
            total=total,
            prepare=prepare,
            progress=progress,
        )
    ]


def outbox_row(event: workload.Event) -> tuple[object, ...]:
    return (event.id, workload.EXCHANGE, workload.EVENT_TYPE, event.subject, event.sequence, event.time,
            event.body().decode(), event.id, False)  # fmt: skip


def webs(servers: Servers, identity: Identity, workers: int, threads: int) -> list[Web]:
    """`same rows`: the row and the event; `audited`: also audit entry, Idempotency-Key and the kept answer."""
    bench = Bench(servers)
    bench.empty()
    environment: Mapping[str, str] = bench.environment(
        "web", HTTP_WORKERS=str(workers), HTTP_THREADS=str(threads), RATE_LIMIT_PER_MINUTE="1000000000",
        **identity.environment,
    )  # fmt: skip

    def web(name: str, path: str, keys: bool) -> Web:
        return Web(
            name=name,
            argv=bench.command("web"),
            environment=environment,
            url=f"http://127.0.0.1:{PORTS['web']}{path}",
            body=BODY,
            token=identity.token,
            idempotency_keys=keys,
            database_url=bench.owner_url,
            rows="SELECT least((SELECT count(*) FROM dossier), (SELECT count(*) FROM outbox))",
        )

    return [
        web("ours, same rows", "/v1/plain-dossiers", keys=False),
        web("ours, audited, keys", "/v1/dossiers", keys=True),
    ]


def _declare_inbox(bench: Bench, broker: Broker) -> None:
    """The worker itself declares its queue; it is gone again before the measured one starts."""
    broker.delete(INBOX)
    worker = bench.process("worker")
    try:
        broker.wait_for_queue(INBOX, worker)
    finally:
        worker.stop()

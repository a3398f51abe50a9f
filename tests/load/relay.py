"""Section `relay`: a preloaded outbox table to a confirmed quorum queue, ours beside three peers."""

import psycopg2
from psycopg2.extras import execute_values

from tests.load import ours, workload
from tests.load.broker import Broker
from tests.load.consume import DATABASE
from tests.load.process import peer
from tests.load.servers import Servers
from tests.load.trial import Subject

SINK = "bench.sink"


def subjects(servers: Servers, broker: Broker, scale: float) -> list[Subject]:
    slow, fast = int(1_500 * scale), int(20_000 * scale)
    return [
        _peer(servers, broker, "nameko EventDispatcher", "relay_nameko", slow),
        *ours.relays(servers, broker, SINK, fast),
        _peer(servers, broker, "kombu, confirm each", "relay_kombu", slow),
        _peer(servers, broker, "pika, confirm each", "relay_pika", slow),
    ]


def _peer(servers: Servers, broker: Broker, name: str, module: str, total: int) -> Subject:
    database_url = servers.database_url(DATABASE)

    def prepare() -> None:
        rows = [
            (event.id, workload.EVENT_TYPE, event.subject, event.sequence, event.time, event.body().decode())
            for event in workload.events(total)
        ]
        with psycopg2.connect(database_url) as database, database.cursor() as cursor:
            cursor.execute(workload.TABLES + "TRUNCATE outbox")
            execute_values(cursor, workload.INSERT_OUTBOX.replace("(%s, %s, %s, %s, %s, %s)", "%s"), rows)
        database.close()
        empty_sink(broker)

    def progress(cursor: psycopg2.extensions.cursor) -> int:
        """Done is what was confirmed and deleted; the table is asked only when the queue says that all has arrived."""
        arrived = broker.depth(SINK)
        if arrived < total:
            return min(arrived, total - 1)
        cursor.execute("SELECT count(*) FROM outbox")
        return arrived - int(cursor.fetchone()[0])  # type: ignore[index]

    return Subject(
        name=name,
        argv=peer(module),
        environment={"BENCH_DATABASE_URL": database_url, "BENCH_AMQP_URL": servers.amqp_url},
        database_url=database_url,
        gate=("outbox", "ACCESS EXCLUSIVE"),
        total=total,
        prepare=prepare,
        progress=progress,
    )


def empty_sink(broker: Broker) -> None:
    broker.delete(SINK)
    broker.create(SINK, workload.EVENT_TYPE)

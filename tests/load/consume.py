"""Section `consume`: a preloaded quorum queue into PostgreSQL, once each, ours beside five peers."""

import json
from typing import Any

import psycopg2

from tests.load import ours, workload
from tests.load.broker import Broker, Wire
from tests.load.process import peer
from tests.load.servers import Servers
from tests.load.trial import Subject

DATABASE = "peers"


def subjects(servers: Servers, broker: Broker, scale: float) -> list[Subject]:
    """In the order of the round; `scale` shrinks the number of events."""
    slow, fast = int(2_500 * scale), int(20_000 * scale)
    return [
        _peer(servers, broker, "nameko event_handler", "consume_nameko", slow),
        *ours.consumers(servers, broker, wire, fast),
        _peer(servers, broker, "FastStream", "consume_faststream", slow),
        _peer(servers, broker, "Celery", "consume_celery", slow, wire=celery_wire),
        _peer(servers, broker, "aio-pika + asyncpg", "consume_aio_pika", slow),
        _peer(servers, broker, "pika batch, list", "consume_pika_batch", fast, BENCH_HANDLER="list"),
        _peer(servers, broker, "pika batch, each", "consume_pika_batch", fast, BENCH_HANDLER="each"),
    ]


def wire(event: workload.Event) -> Wire:
    return event.body(), event.headers(), event.properties()


def celery_wire(event: workload.Event) -> Wire:
    """The same event as a message of Celery's task protocol 2, with our headers beside Celery's."""
    task: dict[str, Any] = {"lang": "py", "task": "bench.on_received", "id": event.id, "root_id": event.id,
                            "parent_id": None, "group": None, "retries": 0, "timelimit": [None, None],
                            "argsrepr": "", "kwargsrepr": "", "origin": "bench"}  # fmt: skip
    body = json.dumps([[event.id, event.data], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return body.encode(), {**event.headers(), **task}, event.properties()


def received(cursor: psycopg2.extensions.cursor) -> int:
    cursor.execute("SELECT coalesce(sum(received), 0)::bigint FROM counter")
    return int(cursor.fetchone()[0])  # type: ignore[index]


def _peer(
    servers: Servers, broker: Broker, name: str, module: str, total: int, wire: Any = wire, **more: str
) -> Subject:
    database_url, queue = servers.database_url(DATABASE), f"bench.{module}"

    def prepare() -> None:
        with psycopg2.connect(database_url) as database, database.cursor() as cursor:
            cursor.execute(workload.TABLES + "TRUNCATE inbox, counter")
        database.close()
        broker.delete(queue)
        broker.create(queue)
        broker.fill(queue, map(wire, workload.events(total)))

    return Subject(
        name=name,
        argv=peer(module),
        environment={
            "BENCH_DATABASE_URL": database_url, "BENCH_AMQP_URL": servers.amqp_url, "BENCH_QUEUE": queue, **more,
        },
        database_url=database_url,
        gate=("counter", "SHARE ROW EXCLUSIVE"),
        total=total,
        prepare=prepare,
        progress=received,
    )  # fmt: skip

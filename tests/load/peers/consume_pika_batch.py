"""Peer: a hand-written batching consumer on pika: up to 100 messages, one transaction, one acknowledgement."""

import json
import os
from collections import Counter

import pika
import psycopg2
from psycopg2.extras import execute_values

from tests.load import workload

BATCH = 100
AGGREGATE = os.environ.get("BENCH_HANDLER", "list") == "list"


def main():
    database = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    channel = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"])).channel()
    queue = os.environ["BENCH_QUEUE"]
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.basic_qos(prefetch_count=2 * BATCH)
    batch = []
    # What is there is taken; a pause of 5 ms ends the batch.
    for method, properties, body in channel.consume(queue, inactivity_timeout=0.005):
        if method:
            batch.append((method.delivery_tag, properties.message_id, json.loads(body)))
        if batch and (not method or len(batch) == BATCH):
            on_received(database, batch)
            channel.basic_ack(batch[-1][0], multiple=True)
            batch = []


def on_received(database, batch):
    with database, database.cursor() as cursor:
        ids = [(event_id,) for _, event_id, _ in batch]
        new = {row[0] for row in execute_values(cursor, workload.INSERT_INBOX_BATCH, ids, fetch=True, page_size=BATCH)}
        keys = [(data["unit"], data["received_at"][:10]) for _, event_id, data in batch if event_id in new]
        if AGGREGATE:
            totals = [(unit, day, count) for (unit, day), count in sorted(Counter(keys).items())]
            execute_values(cursor, workload.ADD_RECEIVED_BATCH, totals, page_size=BATCH)
            return
        for key in keys:
            cursor.execute(workload.ADD_RECEIVED, key)


if __name__ == "__main__":
    main()

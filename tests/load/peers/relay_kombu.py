"""Peer: a loop that empties an outbox table through a kombu Producer, one confirm for each message."""

import os
import time

import psycopg2
from kombu import Connection, Exchange

from tests.load import workload


def main():
    database = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    broker = Connection(os.environ["BENCH_AMQP_URL"], transport_options={"confirm_publish": True})
    exchange = Exchange(workload.EXCHANGE, type="topic", durable=True)
    producer = broker.Producer(exchange=exchange)
    while True:
        if not publish_page(database, producer):
            time.sleep(0.05)


def publish_page(database, producer):
    with database, database.cursor() as cursor:
        cursor.execute(workload.SELECT_OUTBOX)
        rows = cursor.fetchall()
        for _, event_id, event_type, subject, sequence, occurred_at, data in rows:
            producer.publish(
                data.encode(),
                routing_key=event_type,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                message_id=event_id,
                headers=workload.cloud_events_headers(event_id, event_type, subject, sequence, occurred_at.isoformat()),
            )
        cursor.execute(workload.DELETE_OUTBOX, ([row[0] for row in rows],))
    return rows


if __name__ == "__main__":
    main()

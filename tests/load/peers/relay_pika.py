"""Peer: a loop that empties an outbox table through pika's BlockingConnection, one confirm for each message."""

import os

import pika
import psycopg2

from tests.load import workload


def main():
    database = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    broker = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
    channel = broker.channel()
    channel.exchange_declare(workload.EXCHANGE, "topic", durable=True)
    channel.confirm_delivery()
    while True:
        if not publish_page(database, channel):
            broker.sleep(0.05)


def publish_page(database, channel):
    with database, database.cursor() as cursor:
        cursor.execute(workload.SELECT_OUTBOX)
        rows = cursor.fetchall()
        for _, event_id, event_type, subject, sequence, occurred_at, data in rows:
            headers = workload.cloud_events_headers(event_id, event_type, subject, sequence, occurred_at.isoformat())
            properties = pika.BasicProperties(
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                message_id=event_id,
                headers=headers,
            )
            channel.basic_publish(workload.EXCHANGE, event_type, data.encode(), properties)
        cursor.execute(workload.DELETE_OUTBOX, ([row[0] for row in rows],))
    return rows


if __name__ == "__main__":
    main()

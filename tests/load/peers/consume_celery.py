"""Peer: a Celery task with late acknowledgement, prefork with two processes, on a quorum queue."""

import os

import psycopg2
from celery import Celery
from celery.signals import worker_process_init
from kombu import Exchange, Queue

from tests.load import workload

TASK = "bench.on_received"
QUEUE = os.environ.get("BENCH_QUEUE", "bench.celery")

app = Celery("bench", broker=os.environ.get("BENCH_AMQP_URL"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=16,
    worker_concurrency=2,
    worker_hijack_root_logger=False,
    task_queues=[Queue(QUEUE, Exchange(""), QUEUE, queue_arguments={"x-queue-type": "quorum"})],
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
)
connection = None


@worker_process_init.connect
def connect(**_):
    global connection
    connection = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])


@app.task(name=TASK)
def on_received(event_id, data):
    with connection, connection.cursor() as cursor:
        cursor.execute(workload.INSERT_INBOX, (event_id,))
        if cursor.rowcount:
            cursor.execute(workload.ADD_RECEIVED, (data["unit"], data["received_at"][:10]))


if __name__ == "__main__":
    app.worker_main(["worker", "--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"])

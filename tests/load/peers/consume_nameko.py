"""Peer: nameko's own `@event_handler`, ten workers, on a quorum queue."""

import os
import warnings

warnings.filterwarnings("ignore", message="(?s).*Eventlet")
import eventlet  # noqa: E402

eventlet.monkey_patch()

from nameko.events import EventHandler  # noqa: E402
from nameko.extensions import DependencyProvider  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from psycopg2.pool import ThreadedConnectionPool  # noqa: E402

from tests.load import workload  # noqa: E402

WORKERS = 10


class QuorumEventHandler(EventHandler):
    """The stock handler declares a classic queue and hands over only the body: this one asks for a quorum queue
    and passes the event id on."""

    def setup(self):
        super().setup()
        self.queue.name = os.environ["BENCH_QUEUE"]
        self.queue.queue_arguments = {"x-queue-type": "quorum"}

    def handle_message(self, body, message):
        super().handle_message((message.properties["message_id"], body), message)


class Database(DependencyProvider):
    """One pooled connection for each worker."""

    def setup(self):
        self.pool = ThreadedConnectionPool(WORKERS, WORKERS, os.environ["BENCH_DATABASE_URL"])

    def get_dependency(self, worker_ctx):
        worker_ctx.data["connection"] = self.pool.getconn()
        return worker_ctx.data["connection"]

    def worker_teardown(self, worker_ctx):
        self.pool.putconn(worker_ctx.data.pop("connection"))


class Counter:
    name = "counter"
    database = Database()

    @QuorumEventHandler.decorator(workload.SERVICE, workload.EVENT_TYPE)
    def on_received(self, payload):
        event_id, data = payload
        with self.database, self.database.cursor() as cursor:
            cursor.execute(workload.INSERT_INBOX, (event_id,))
            if cursor.rowcount:
                cursor.execute(workload.ADD_RECEIVED, (data["unit"], data["received_at"][:10]))


if __name__ == "__main__":
    runner = ServiceRunner({"AMQP_URI": os.environ["BENCH_AMQP_URL"], "max_workers": WORKERS})
    runner.add_service(Counter)
    runner.start()
    runner.wait()

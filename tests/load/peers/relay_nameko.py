"""Peer: a nameko service whose timer empties an outbox table through nameko's EventDispatcher."""

import json
import os
import warnings

warnings.filterwarnings("ignore", message="(?s).*Eventlet")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import psycopg2  # noqa: E402
from nameko.events import EventDispatcher  # noqa: E402
from nameko.extensions import DependencyProvider  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from nameko.timer import timer  # noqa: E402

from tests.load import workload  # noqa: E402


class Database(DependencyProvider):
    def setup(self):
        self.connection = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])

    def get_dependency(self, worker_ctx):
        return self.connection


class Relay:
    name = workload.SERVICE
    database = Database()
    dispatch = EventDispatcher()

    @timer(interval=0.05)
    def empty_outbox(self):
        while self.publish_page():
            pass

    def publish_page(self):
        """Publish up to 100 rows one by one, each confirmed, then delete them: the kindest reading of "one by one"."""
        with self.database, self.database.cursor() as cursor:
            cursor.execute(workload.SELECT_OUTBOX)
            rows = cursor.fetchall()
            for _, _, event_type, _, _, _, data in rows:
                self.dispatch(event_type, json.loads(data))
            cursor.execute(workload.DELETE_OUTBOX, ([row[0] for row in rows],))
        return rows


if __name__ == "__main__":
    runner = ServiceRunner({"AMQP_URI": os.environ["BENCH_AMQP_URL"]})
    runner.add_service(Relay)
    runner.start()
    runner.wait()

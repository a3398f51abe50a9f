"""Every metric of the platform, in one list; the prefix is `ioc_`, units stand in the names."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis.database import Database

RELAYED = Counter("ioc_outbox_relayed_total", "Events and commands confirmed by the broker")
OUTBOX_EVENTS = Gauge("ioc_outbox_lag_events", "Events written and not yet confirmed", multiprocess_mode="max")
OUTBOX_SECONDS = Gauge("ioc_outbox_lag_seconds", "Age of the oldest event not yet confirmed", multiprocess_mode="max")
HANDLED = Counter("ioc_inbox_handled_total", "Events whose effect is committed", ["consumer", "type"])
REPEATED = Counter("ioc_inbox_repeated_total", "Events that came again and changed nothing", ["consumer", "type"])
PARKED = Counter("ioc_inbox_parked_total", "Events set aside for another attempt", ["consumer", "type"])
DEAD = Counter("ioc_inbox_dead_total", "Events that wait for a person", ["consumer", "type"])
AGE_SECONDS = Histogram(
    "ioc_inbox_age_seconds",
    "From the event's time to its committed effect",
    ["consumer"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
)
REQUEST_SECONDS = Histogram(
    "ioc_http_request_seconds",
    "Time to answer",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

WAITING = """
SELECT consumer, coalesce(type, 'unknown') AS type, state, count(*) AS events,
       extract(epoch FROM now() - min(parked_at)) AS seconds
FROM parked_event GROUP BY 1, 2, 3
"""


class WaitingEvents(Collector):
    """Events parked and dead now, by type, read from the database when Prometheus asks."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: a process must start while the database is away."""
        return []

    def collect(self) -> Iterable[Metric]:
        labels = ["consumer", "type", "state"]
        events = GaugeMetricFamily("ioc_inbox_waiting_events", "Events parked or dead now", labels=labels)
        seconds = GaugeMetricFamily("ioc_inbox_waiting_seconds", "Age of the oldest of them", labels=labels)
        if self.database.answers():
            with self.database.transaction() as tx:
                for row in tx.exec_driver_sql(WAITING):
                    events.add_metric([row.consumer, row.type, row.state], row.events)
                    seconds.add_metric([row.consumer, row.type, row.state], float(row.seconds))
        yield events
        yield seconds

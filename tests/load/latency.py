"""Section `latency`: from the commit of an event to the commit of its effect, through relay, broker and worker.

Both moments are PostgreSQL's own commit times (track_commit_timestamp), so nothing is added by looking.
"""

import time
from contextlib import ExitStack, closing
from typing import Any

import psycopg2

from tests.load import meters, ours, report, servers, workload
from tests.load.broker import Broker
from tests.load.generator import percentile

RATE = 300
WARM_UP_S = 2
NOISY_MS = 20
COMMITTED = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(inbox.xmin) - pg_xact_commit_timestamp(sent.xmin))::float8 * 1000
FROM sent LEFT JOIN inbox USING (event_id) WHERE sent.number >= %s ORDER BY sent.number
"""


def run(running: servers.Servers, broker: Broker, seconds: int) -> dict[str, Any]:
    if not servers.commit_times(running.postgres_url):
        print("  left out: PostgreSQL runs without track_commit_timestamp")
        return {}
    rows = [_measure(running, broker, handler, seconds) for handler in ("list", "each")]
    print("\n" + _table(rows))
    return {"rate_per_second": RATE, "rows": rows}


def _measure(running: servers.Servers, broker: Broker, handler: str, seconds: int) -> dict[str, Any]:
    bench = ours.Bench(running)
    bench.empty()
    broker.delete(ours.INBOX)
    with ExitStack() as started, closing(psycopg2.connect(bench.owner_url)) as database:
        worker = bench.process("worker", BENCH_HANDLER=handler)
        started.callback(worker.stop)
        relay = bench.process("relay")
        started.callback(relay.stop)
        broker.wait_for_queue(ours.INBOX, worker)
        with database, database.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS sent")
            cursor.execute("CREATE TABLE sent (event_id uuid PRIMARY KEY, number bigint NOT NULL)")
        before = [meters.cpu_seconds(process.pid) or 0 for process in (relay, worker)]
        late = _emit(database, seconds * RATE)
        spent = [
            (meters.cpu_seconds(process.pid) or 0) - start
            for process, start in zip((relay, worker), before, strict=True)
        ]
        times = _collect(database)
    arrived = [each for each in times if each is not None]
    return {
        "handler": handler,
        "events": len(times),
        "missing": len(times) - len(arrived),
        **{f"p{percent}_ms": round(percentile(arrived, percent), 1) for percent in (50, 90, 99)},
        "longest_ms": round(max(arrived, default=0), 1),
        "sent_late_ms": round(late * 1000, 1),
        "relay_cpu_percent": round(spent[0] / seconds * 100, 1),
        "worker_cpu_percent": round(spent[1] / seconds * 100, 1),
    }


def _emit(database: psycopg2.extensions.connection, count: int) -> float:
    """Commit one event each 1/RATE s; returns by how many seconds the worst one was behind its time."""
    insert = ours.FILL_OUTBOX.replace("%s", "(" + ", ".join(["%s"] * 9) + ")")
    events = list(workload.events(count))
    start, late = time.monotonic(), 0.0
    for number, event in enumerate(events):
        due = start + number / RATE
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        late = max(late, -wait)
        with database, database.cursor() as cursor:
            cursor.execute(insert, ours.outbox_row(event))
            cursor.execute("INSERT INTO sent (event_id, number) VALUES (%s, %s)", (event.id, number))
    return late


def _collect(database: psycopg2.extensions.connection, patience_s: float = 10) -> list[float | None]:
    """Milliseconds of every event after the warm-up; None for one that has no effect within the patience."""
    deadline = time.monotonic() + patience_s
    while True:
        with database, database.cursor() as cursor:
            cursor.execute(COMMITTED, (WARM_UP_S * RATE,))
            times = [row[0] for row in cursor.fetchall()]
        if None not in times or time.monotonic() > deadline:
            return times
        time.sleep(0.1)


def _table(rows: list[dict[str, Any]]) -> str:
    head = ("handler", "p50 ms", "p90 ms", "p99 ms", "longest ms", "missing", "relay CPU", "worker CPU", "")
    body = [
        (
            f"ours, {row['handler']}",
            f"{row['p50_ms']}",
            f"{row['p90_ms']}",
            f"{row['p99_ms']}",
            f"{row['longest_ms']}",
            f"{row['missing']}",
            f"{row['relay_cpu_percent']} %",
            f"{row['worker_cpu_percent']} %",
            f"noisy: a commit was {row['sent_late_ms']} ms behind its time" if row["sent_late_ms"] > NOISY_MS else "",
        )
        for row in rows
    ]
    return report.table([head, *body])

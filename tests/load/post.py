"""Section `post`: one row and one event behind a POST, ours beside a bare WSGI view, both under the same gunicorn."""

import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import psycopg2

from tests.load import generator, identity, meters, ours, report, workload
from tests.load.consume import DATABASE
from tests.load.process import Process
from tests.load.servers import Servers
from tests.load.web import BODY, Web

PORT = 30180
WORKERS, THREADS = 2, 8
SCOPE = "bench:write"


@dataclass(frozen=True)
class Window:
    """One stretch of load on one of them."""

    subject: str
    load: generator.Load
    cpu_us: dict[str, float | None]
    rss_mib: float
    note: str


def gunicorn(module: str, port: int = PORT) -> tuple[str, ...]:
    """Command line of a peer's WSGI application under the same gunicorn settings as ours."""
    return (
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(WORKERS),
        "--threads", str(THREADS), "--bind", f"127.0.0.1:{port}", "--no-control-socket", "--keep-alive", "30",
        f"tests.load.peers.{module}:application",
    )  # fmt: skip


def bare(servers: Servers) -> Web:
    database_url = servers.database_url(DATABASE)
    with psycopg2.connect(database_url) as database, database.cursor() as cursor:
        cursor.execute(workload.TABLES + "TRUNCATE dossier, outbox")
    database.close()
    return Web(
        name="bare WSGI view",
        argv=gunicorn("post_wsgi"),
        environment={"BENCH_DATABASE_URL": database_url},
        url=f"http://127.0.0.1:{PORT}/v1/dossiers",
        body=BODY,
        token=None,
        idempotency_keys=False,
        database_url=database_url,
        rows="SELECT count(*) FROM dossier",
    )


def run(servers: Servers, rounds: int, seconds: float) -> dict[str, Any]:
    """One row and one event, as any service would write them."""
    with identity.provider(SCOPE) as known:
        return compare([bare(servers), *ours.webs(servers, known, WORKERS, THREADS)], servers, rounds, seconds)


def compare(webs: Sequence[Web], servers: Servers, rounds: int, seconds: float) -> dict[str, Any]:
    """All are up all the time; the load goes to one after the other, and changes sides every round. The first of them is
    what the others are measured against."""
    processes: dict[tuple[str, ...], Process] = {}
    try:
        for web in webs:
            if tuple(web.argv) not in processes:
                processes[tuple(web.argv)] = Process(web.name, web.argv, web.environment)
        windows = _rounds([(web, processes[tuple(web.argv)]) for web in webs], servers, rounds, seconds)
    finally:
        for process in processes.values():
            process.stop()
    rows = _medians(windows)
    print("\n" + _table(rows) + f"\n(load: {generator.name()}, 16 connections, {WORKERS} × {THREADS} gthread)")
    return {"generator": generator.name(), "medians": rows, "windows": [asdict(window) for window in windows]}


def _rounds(pairs: Sequence[tuple[Web, Process]], servers: Servers, rounds: int, seconds: float) -> list[Window]:
    windows = []
    for web, process in pairs:
        wait_until_open(web, process)
        generator.post(web, seconds=1)
    for number in range(rounds):
        for web, process in pairs if number % 2 == 0 else pairs[::-1]:
            window = _window(web, process, servers, seconds)
            windows.append(window)
            rate = window.load.requests / window.load.seconds
            print(f"  round {number + 1}  {web.name:24} {rate:8,.0f} requests/s  {window.note}", flush=True)
    return windows


def wait_until_open(web: Web, process: Process, seconds: float = 30) -> None:
    port = int(web.url.split(":")[2].split("/")[0])
    deadline = time.monotonic() + seconds
    while True:
        process.check()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{web.name} does not listen after {seconds} s, see {process.log}") from None
            time.sleep(0.05)


def _window(web: Web, process: Process, servers: Servers, seconds: float) -> Window:
    def spent() -> list[float | None]:
        return [meters.cpu_seconds(process.pid), meters.cpu_seconds(servers.postgres_pid)]

    rows_before, before = _rows(web), spent()
    load = generator.post(web, seconds)
    after, written = spent(), _rows(web) - rows_before
    cpu_us = {
        who: None if start is None or end is None else round((end - start) / max(load.requests, 1) * 1e6, 1)
        for who, start, end in zip(("subject", "postgres"), before, after, strict=True)
    }
    accepted = load.requests - load.refused
    problems = [f"{load.refused} refused"] * bool(load.refused) + [f"{load.broken} broken"] * bool(load.broken)
    if not accepted <= written <= accepted + 16:  # at the end of the window each connection may have one more in flight
        problems.append(f"{accepted} accepted, {written} rows")
    return Window(web.name, load, cpu_us, meters.memory(process.pid).rss, "; ".join(problems))


def _rows(web: Web) -> int:
    database = psycopg2.connect(web.database_url)
    with database, database.cursor() as cursor:
        cursor.execute(web.rows)
        count: int = cursor.fetchone()[0]  # type: ignore[index]
    database.close()
    return count


def _medians(windows: Sequence[Window]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(window.subject for window in windows):
        mine = [window for window in windows if window.subject == name]
        rows.append(
            {
                "subject": name,
                "per_second": round(median(window.load.requests / window.load.seconds for window in mine)),
                "p50_ms": round(median(window.load.p50_ms for window in mine), 1),
                "p99_ms": round(median(window.load.p99_ms for window in mine), 1),
                "cpu_us": {who: median(window.cpu_us[who] or 0 for window in mine) for who in mine[0].cpu_us},
                "rss_mib": median(window.rss_mib for window in mine),
                "notes": sorted({window.note for window in mine if window.note}),
            }
        )
    for row in rows:
        row["of_bare"] = round(row["per_second"] / rows[0]["per_second"], 2)
    return rows


def _table(rows: Sequence[dict[str, Any]]) -> str:
    head = ("", "requests/s", "of bare", "p50 ms", "p99 ms", "CPU µs/request: web", "PostgreSQL", "RSS MiB", "")
    body = [
        (
            row["subject"],
            f"{row['per_second']:,}",
            f"{row['of_bare']:.2f}",
            f"{row['p50_ms']}",
            f"{row['p99_ms']}",
            *(f"{value:,.0f}" for value in row["cpu_us"].values()),
            f"{row['rss_mib']:,.0f}",
            "; ".join(row["notes"]),
        )
        for row in rows
    ]
    return report.table([head, *body])

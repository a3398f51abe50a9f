"""Breach to event with many open dossiers, and the recounting of open dossiers after a calendar change.

`python -m tests.load.dossier_watch [--dossiers N] [--breaches N] [--recount N] [--schedulers N] [--keep]` makes a database
of its own on the servers of BENCH_STATE and BENCH_PORT_BASE (default: the benchmark's), short by default; the figures that
the platform promises are those of `--dossiers 2000000 --breaches 5000 --recount 100000`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg2

from chassis.context import Caller, Context, new_id, running
from chassis.database import Database
from chassis.settings import DatabaseSettings
from dossier import desk, overrides
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel
from dossier.store import Person
from infra.local.processes import environment
from infra.local.stack import ROOT, Stack
from tests.load import servers

NAME = "dossier_watch_bench"
AIM_S = 5.0
SPREAD_S = 20
# Copies of one accepted dossier, without triggers and foreign keys; due dates as they stand, promises spread over 20 days.
COPIES = """
SET session_replication_role = replica;
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at, state,
                     full_name, email)
SELECT c.code, d.unit, d.procedure_code, d.procedure_version, d.channel, d.status, d.filed_at, d.accepted_at, d.due_at,
       jsonb_set(d.state, '{code}', to_jsonb(c.code)), d.full_name, d.email
FROM dossier d, (SELECT 'H52.17-bench-' || lpad(n::text, 8, '0') AS code FROM generate_series(%(first)s, %(last)s) n) c
WHERE d.code = %(model)s;
INSERT INTO promise (code, kind, step, promised_at, fires_at, made_at)
SELECT d.code, p.kind, 0, p.promised_at, p.fires_at + random() * interval '20 days', p.made_at
FROM promise p, (SELECT 'H52.17-bench-' || lpad(n::text, 8, '0') AS code
                 FROM generate_series(%(first)s, %(last)s) n) d
WHERE p.code = %(model)s;
SET session_replication_role = DEFAULT;
"""
# Half of the breaches come one by one, half at one moment, as at midnight.
BREACHES = """
UPDATE promise p SET fires_at = now() + interval '3 s' + CASE WHEN n %% 2 = 0 THEN random() * %(spread)s * interval '1 s'
                                                              ELSE interval '10 s' END
FROM (SELECT code, row_number() OVER () AS n FROM promise TABLESAMPLE SYSTEM (20)
      WHERE kind = 'overdue' AND state = 'waiting' LIMIT %(breaches)s) chosen
WHERE p.code = chosen.code AND p.kind = 'overdue'
"""


def measure(options: argparse.Namespace) -> None:
    """Make the rows, then measure one after the other."""
    with servers.dossier_stack() as stack, fresh_database(stack, options.keep) as database:
        model = one_accepted(database)
        copy(stack, model, 1, options.recount)
        recount(stack, database, options)
        started = time.perf_counter()
        copy(stack, model, options.recount + 1, options.dossiers)
        print(f"{options.dossiers:,} open dossiers made in {time.perf_counter() - started:.0f} s")
        breaches(stack, database, options)


def copy(stack: Stack, model: str, first: int, last: int) -> None:
    """Make open dossiers of these numbers, a hundred thousand in a statement."""
    for start in range(first, last + 1, 100_000):
        values = {"model": model, "first": start, "last": min(last, start + 99_999)}
        as_superuser(stack, COPIES, values)
    as_superuser(stack, "ANALYZE dossier, promise")


def breaches(stack: Stack, database: Database, options: argparse.Namespace) -> None:
    """Breach to event: from the moment of a promise to the statement before its commit, by the database's clock."""
    with schedulers(stack, options.schedulers):
        made = as_superuser(stack, BREACHES, {"breaches": options.breaches, "spread": SPREAD_S})
        left = "SELECT count(*) FROM promise WHERE state = 'waiting' AND fires_at < now() + interval '1 minute'"
        wait(lambda: scalar(database, left) == 0, 120)
    late = [float(row[0]) for row in rows(database, "SELECT extract(epoch FROM said_at - fires_at) FROM promise"
                                                    " WHERE state = 'said'")]  # fmt: skip
    cuts = quantiles(late, n=100)
    print(
        f"breach to event, {options.schedulers} schedulers, {made:,} breaches: p50 {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s,"
        f" p99 {cuts[98]:.2f} s, most {max(late):.2f} s (aim p99 < {AIM_S:.0f} s)"
    )
    for line in rows(database, "EXPLAIN (ANALYZE, BUFFERS) SELECT code FROM promise WHERE state = 'waiting' AND"
                               " fires_at <= now() ORDER BY fires_at LIMIT 200 FOR UPDATE SKIP LOCKED"):  # fmt: skip
        print(f"    {line[0]}")


def recount(stack: Stack, database: Database, options: argparse.Namespace) -> None:
    """From the order to the end of the recounting; every dossier moves, and every citizen is told."""
    day = scalar(database, "SELECT (accepted_at + interval '1 day')::date FROM dossier LIMIT 1")
    with schedulers(stack, options.schedulers):
        started = time.perf_counter()
        with database.transaction() as tx, acting():
            number = overrides.add(tx, day, day, None, False, "Nghỉ tránh bão", None)[0].recompute
        wait(lambda: scalar(database, f"SELECT finished_at FROM recompute WHERE id = {number}") is not None, 3600)
        seconds = time.perf_counter() - started
    moved = scalar(database, f"SELECT sum(moved) FROM recompute_slice WHERE recompute = {number}")
    print(f"recompute, {options.schedulers} schedulers: {moved:,} open dossiers moved in {seconds:.1f} s,"
          f" {moved / seconds:,.0f} a second")  # fmt: skip


@contextlib.contextmanager
def fresh_database(stack: Stack, keep: bool) -> Iterator[Database]:
    """A migrated database with the seeded catalogue."""
    admin = stack.database_url("postgres", "postgres")
    execute(admin, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    execute(admin, f"CREATE DATABASE {NAME} OWNER dossier_owner")
    command(stack, "migrate", MIGRATION_DATABASE_URL=stack.database_url("dossier_owner", NAME))
    command(stack, "catalogue", "load", str(ROOT / "infra" / "seed" / "province.json"))
    yield Database(DatabaseSettings(url=stack.database_url("dossier", NAME)), "bench")
    if not keep:
        execute(admin, f"DROP DATABASE {NAME} WITH (FORCE)")


def one_accepted(database: Database) -> str:
    """A dossier filed and accepted on a Wednesday, so that the next day counts; returns its code."""
    today = datetime.datetime.now(datetime.UTC).replace(hour=3)
    at = today - datetime.timedelta(days=(today.weekday() - 2) % 7)
    with database.transaction() as tx, acting():
        person = Person("Nguyễn Văn An", email="an@example.com")
        code = desk.file(tx, "2.000488", "H52.17", Channel.DIRECT, person, at).dossier.code
        desk.act(tx, code, lambda d, now, calendars: lifecycle.accept(d, now, calendars), "accept", at)
    return code


def acting() -> Any:
    """In the name of somebody of every unit."""
    return running(Context(new_id(), caller=Caller("bench", unit="*")))


def process_environment(stack: Stack) -> dict[str, str]:
    """What a process of dossier reads, with the benchmark's database."""
    kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LOG_LEVEL": "warning"}
    return environment(stack, "dossier") | kept | {"DATABASE_URL": stack.database_url("dossier", NAME)}


def command(stack: Stack, *words: str, **more: str) -> None:
    """Run a command of dossier to its end."""
    words = (sys.executable, "-m", "dossier", *words)
    subprocess.run(words, cwd=ROOT / "services" / "dossier", env=process_environment(stack) | more, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


@contextlib.contextmanager
def schedulers(stack: Stack, count: int) -> Iterator[None]:
    """So many scheduler processes, ended at the end."""
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for number in range(count):
            port = {"PROBE_PORT": str(stack.port_base + 190 + number)}
            with (Path(folder) / f"{number}.log").open("wb") as log:
                words = (sys.executable, "-m", "dossier", "scheduler")
                own = process_environment(stack) | port
                started.append(
                    subprocess.Popen(words, cwd=ROOT / "services" / "dossier", env=own, stdout=log, stderr=log)
                )
        try:
            for number in range(count):
                wait(lambda number=number: ready(stack.port_base + 190 + number), 120)
            yield
        finally:
            for process in started:
                process.terminate()
                process.wait(30)
            for text in (path.read_text() for path in Path(folder).glob("*.log")):
                print(text[-2000:], end="")


def ready(port: int) -> bool:
    """Whether the process of a probe port says that it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def execute(url: str, statement: str, values: Any = None) -> int:
    """Run statements outside a transaction; how many rows the last one touched."""
    with contextlib.closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return int(cursor.rowcount)


def as_superuser(stack: Stack, statement: str, values: Any = None) -> int:
    """Run statements in the benchmark's database."""
    return execute(stack.database_url("postgres", NAME), statement, values)


def rows(database: Database, statement: str) -> list[Any]:
    """All rows of a query."""
    with database.transaction() as tx:
        return list(tx.exec_driver_sql(statement))


def scalar(database: Database, statement: str) -> Any:
    """The one value of a query."""
    return rows(database, statement)[0][0]


def wait(condition: Any, seconds: float) -> None:
    """Ask every 0.2 s; TimeoutError when it takes longer."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the schedulers were not done in time")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=20_000, help="open dossiers (default 20,000)")
    parser.add_argument("--breaches", type=int, default=1_000)
    parser.add_argument("--recount", type=int, default=5_000, help="open dossiers to be recounted (default 5,000)")
    parser.add_argument("--schedulers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the database")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()

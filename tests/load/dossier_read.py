"""List, filter, search, worklist and counts of dossier at two million dossiers, with the plans.

`python -m tests.load.dossier_read [--dossiers N] [--rounds N] [--keep]` makes a database of its own on the server of
BENCH_POSTGRES_URL (a superuser), or on the benchmark's private one; plans go to .run/bench/dossier_read_plans.txt.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from chassis.database import Database, Tx
from chassis.settings import DatabaseSettings
from dossier import read_store
from dossier.domain.outcome import DueState
from dossier.reading import Reach, below
from dossier.search_words import sought, without_accents

NAME = "dossier_read_bench"
ROOT = Path(__file__).resolve().parents[2]
PLANS = ROOT / ".run" / "bench" / "dossier_read_plans.txt"
FIRST = [0, None, ""]
AIM_MS = 100.0

# 20 departments, 12 districts, 204 communes; 1,900 procedures of 60 fields; most dossiers of a few procedures and units.
CATALOGUE = """
INSERT INTO unit (code, name, level, parent, valid_from)
SELECT 'H52', 'Ủy ban nhân dân tỉnh Sơn La', 'province', NULL, '2018-06-21'::date
UNION ALL SELECT 'H52.' || n, 'Sở số ' || n, 'province', 'H52', '2018-06-21' FROM generate_series(1, 20) n
UNION ALL SELECT 'H52.' || n, 'Ủy ban nhân dân huyện số ' || n, 'district', 'H52', '2018-06-21'
          FROM generate_series(21, 32) n
UNION ALL SELECT format('H52.%s.%s', 21 + n % 12, 31 + n / 12), 'Ủy ban nhân dân xã số ' || n, 'commune',
          'H52.' || 21 + n % 12, '2018-06-21' FROM generate_series(0, 203) n;
INSERT INTO procedure (code, version, name, field_code, field_name, unit_levels, online_level, limit_kind, limit_count,
                       valid_from)
SELECT '1.' || lpad(n::text, 6, '0'), 1,
       (ARRAY['Cấp giấy phép', 'Đăng ký', 'Cấp đổi', 'Gia hạn', 'Xác nhận', 'Thẩm định'])[1 + n % 6] || ' '
       || (ARRAY['khai sinh', 'đất đai', 'kinh doanh', 'xây dựng nhà ở', 'lý lịch tư pháp', 'hành nghề y',
                 'khai thác nước', 'kết hôn', 'chứng thực', 'xe cơ giới'])[1 + n / 6 % 10] || ' loại ' || n,
       'H52-LV' || n % 60, 'Lĩnh vực ' || n % 60, '{province,district,commune}', 4, 'working_days', 10, '2018-06-21'
FROM generate_series(1, 1900) n;
"""
FAMILY = "Nguyễn Nguyễn Nguyễn Nguyễn Trần Lê Phạm Hoàng Vũ Lò Cầm Quàng Lường Tòng Bạc Hà Đặng Bùi Đỗ Ngô".split()
MIDDLE = "Văn Văn Thị Thị Đức Hữu Minh Ngọc Quang Thanh Xuân Đình".split()
GIVEN = """An Anh Bình Chi Cường Dũng Dung Đạt Đông Giang Hà Hải Hạnh Hiền Hiếu Hoa Hòa Hoàng Hùng Hương Huy Khánh Lan
Lâm Linh Long Mai Minh Nam Nga Ngân Nghĩa Ngọc Nhung Phong Phúc Phương Quân Quang Quyên Sơn Tâm Thảo Thắng Thành Thịnh
Thu Thủy Tiến Trang Trung Tú Tuấn Tùng Uyên Vân Việt Vinh Yến""".split()
# Five years; most dossiers in few units and of few procedures (squared and cubed random numbers); one in twenty is open,
# most of those of the last 90 days; one in ten has a step in a department. Rows lie as they came, as they do in life.
DOSSIERS = """
CREATE TEMP TABLE drawn AS
SELECT n, u.codes[1 + floor(random() ^ 2 * 236)::int] AS unit, 1 + floor(random() ^ 3 * 1899)::int AS procedure,
       now() - interval '5 years' * random() AS filed_at, random() AS fate, random() AS door, random() AS a,
       random() AS b, random() AS c
FROM generate_series(1, %(dossiers)s) n, (SELECT array_agg(code ORDER BY md5(code)) AS codes FROM unit) u;
CREATE TEMP TABLE made AS
SELECT format('%%s-%%s-%%s', unit, to_char(filed_at, 'YYMMDD'), lpad((n %% 100000)::text, 5, '0')) || to_hex(n) AS code,
       unit, '1.' || lpad(procedure::text, 6, '0') AS procedure_code, filed_at,
       CASE WHEN door > 0.95 THEN 'post' WHEN door > 0.4 THEN 'online' ELSE 'direct' END AS channel,
       CASE WHEN filed_at > now() - interval '90 days' AND fate > 0.15 OR fate > 0.99
            THEN (ARRAY[1, 2, 4, 4, 4, 5, 6, 9])[1 + floor(c * 8)::int]
            ELSE (ARRAY[10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3, 7, 8])[1 + floor(c * 15)::int] END AS status,
       (%(family)s::text[])[1 + floor(a * %(families)s)::int] || ' '
       || (%(middle)s::text[])[1 + floor(b * %(middles)s)::int] || ' '
       || (%(given)s::text[])[1 + floor(c * %(givens)s)::int] AS full_name,
       CASE WHEN door < 0.1 THEN 'H52.' || 1 + floor(a * 20)::int END AS step_unit
FROM drawn ORDER BY filed_at;
CREATE TEMP TABLE named AS
SELECT full_name, search_words(full_name) AS words FROM (SELECT DISTINCT full_name FROM made) names;
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at,
                     closed_at, state, full_name, email, phone)
SELECT code, unit, procedure_code, 1, channel, status, filed_at, filed_at,
       CASE WHEN status NOT IN (1, 5, 6) THEN filed_at + interval '45 days' END, NULL,
       jsonb_build_object('code', code, 'unit', unit, 'channel', channel, 'filler', repeat('x', 600)), full_name,
       'nguoi.nop@example.vn', '0912345678'
FROM made;
INSERT INTO register_line (code, unit, procedure_code, channel, status, filed_at, due_at, work_due_at, step_unit,
                           step_due_at, words)
SELECT made.code, unit, procedure_code, channel, status, filed_at,
       CASE WHEN status NOT IN (1, 5, 6) THEN filed_at + interval '45 days' END,
       CASE WHEN status IN (2, 4) THEN filed_at + interval '45 days' ELSE 'infinity' END,
       CASE WHEN status IN (2, 4, 5, 6) THEN step_unit END,
       CASE WHEN status IN (2, 4) AND step_unit IS NOT NULL THEN filed_at + interval '30 days' ELSE 'infinity' END,
       named.words || array_to_tsvector(regexp_split_to_array(lower(made.code), '[^a-z0-9]+')) || p.words
FROM made JOIN procedure p ON p.code = procedure_code JOIN named USING (full_name) ORDER BY filed_at;
INSERT INTO register_step (reader, code, unit, procedure_code, channel, status, filed_at, due_at)
SELECT step_unit, code, unit, procedure_code, channel, status, filed_at,
       CASE WHEN status NOT IN (1, 5, 6) THEN filed_at + interval '45 days' END
FROM made WHERE step_unit IS NOT NULL ORDER BY filed_at
"""


def prepare(admin_url: str, dossiers: int) -> str:
    """The URL of a migrated database with that many dossiers; one that is there already is used again."""
    url = urlsplit(admin_url)._replace(path=f"/{NAME}").geturl()
    with closing(psycopg2.connect(admin_url)) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", (NAME,))
        if cursor.rowcount and _holds(url, dossiers):
            return url
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {NAME}")
        cursor.execute("SELECT FROM pg_roles WHERE rolname = 'dossier'")
        if not cursor.rowcount:
            cursor.execute("CREATE ROLE dossier")
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MIGRATION_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "dossier", "migrate"], env=environment, check=True)
    _fill(url, dossiers)
    return url


def _holds(url: str, dossiers: int) -> bool:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'register_line'")
        found = cursor.fetchone()
        return found is not None and abs(found[0] - dossiers) < 0.1 * dossiers


def _fill(url: str, dossiers: int) -> None:
    started = time.perf_counter()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'; SET synchronous_commit = off")
        cursor.execute(CATALOGUE)
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'register_line'")
        later = [(name, text) for name, text in cursor.fetchall() if name != "register_line_pkey"]
        for name, _ in later:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("ALTER TABLE dossier DISABLE TRIGGER ALL; SELECT setseed(0.5)")
        names = {"family": FAMILY, "middle": MIDDLE, "given": GIVEN}
        sizes = {"families": len(FAMILY), "middles": len(MIDDLE), "givens": len(GIVEN)}
        for statement in DOSSIERS.strip().split(";\n"):
            started = time.perf_counter()
            cursor.execute(statement, {"dossiers": dossiers} | names | sizes)
            connection.commit()
            print(
                f"  {statement.split('(')[0].split('AS')[0].strip()}: {time.perf_counter() - started:.0f} s", flush=True
            )
        for _, text in later:
            cursor.execute(text)
        cursor.execute("ALTER TABLE dossier ENABLE TRIGGER ALL")
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM (ANALYZE) register_line")
        cursor.execute("VACUUM (ANALYZE) register_step")
        cursor.execute("VACUUM (ANALYZE) dossier")
    print(f"{dossiers:,} dossiers made in {time.perf_counter() - started:.0f} s", flush=True)


class Watched:
    """A connection that remembers what it was asked, so that it can be explained."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.asked: list[tuple[str, Any]] = []

    def exec_driver_sql(self, query: str, values: Any = None) -> Any:
        self.asked.append((query, values))
        return self.tx.exec_driver_sql(query, values)

    def plans(self) -> Iterator[str]:
        for query, values in self.asked:
            if not query.startswith(("EXPLAIN", "SET")):
                rows = self.tx.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {query}", values)
                yield f"{textwrap.shorten(query, 2000)}\n" + "\n".join(f"    {row[0]}" for row in rows)


class Questions:
    """What officers, leaders and citizens' words ask; each draws its units, names and days anew."""

    def __init__(self, tx: Tx, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = datetime.datetime.now(datetime.UTC)
        rows = list(tx.exec_driver_sql("SELECT code, level FROM unit"))
        self.units = {level: [row.code for row in rows if row.level == level] for level in {row.level for row in rows}}
        self.departments = [code for code in self.units["province"] if code != "H52"]
        self.procedures = [row.code for row in tx.exec_driver_sql("SELECT code FROM procedure ORDER BY code")]
        sample = "SELECT code, full_name FROM dossier TABLESAMPLE SYSTEM (0.02) LIMIT 300"
        self.dossiers = list(tx.exec_driver_sql(sample))

    def filter(self, tx: Tx, unit: str | None = None, within: str | None = None, **more: Any) -> read_store.Filter:
        everything = Reach(None)
        return read_store.Filter(
            reach=below(tx, unit) if unit else everything,
            within=below(tx, within) if within else everything,
            now=self.now,
            **more,
        )

    def name(self, words: int = 3) -> str:
        parts = [self.random.choice(FAMILY), self.random.choice(MIDDLE), self.random.choice(GIVEN)]
        return " ".join(parts[-words:])

    def cases(self) -> dict[str, Callable[[Tx], read_store.Filter]]:
        draw, day = self.random.choice, datetime.timedelta(days=1)
        commune, district = (lambda: draw(self.units["commune"])), (lambda: draw(self.units["district"]))
        department, ago = (lambda: draw(self.departments)), (lambda days: self.now - days * day)
        old = draw(range(100, 1500))
        return {
            "list: all, newest": lambda tx: self.filter(tx),
            "list: commune": lambda tx: self.filter(tx, commune()),
            "list: district with its communes": lambda tx: self.filter(tx, district()),
            "list: department, own and steps": lambda tx: self.filter(tx, department()),
            "filter: status": lambda tx: self.filter(tx, statuses=[draw(range(1, 11))]),
            "filter: open": lambda tx: self.filter(tx, statuses=[2, 4, 5, 6]),
            "filter: commune and status": lambda tx: self.filter(tx, commune(), statuses=[draw([3, 5, 6, 8])]),
            "filter: district and status": lambda tx: self.filter(tx, district(), statuses=[draw([3, 5, 6, 8])]),
            "filter: procedure": lambda tx: self.filter(tx, procedures=[draw(self.procedures)]),
            "filter: field": lambda tx: self.filter(tx, procedures=self.procedures[draw(range(60)) :: 60]),
            "filter: procedure in a district": lambda tx: self.filter(
                tx, None, district(), procedures=[draw(self.procedures)]
            ),
            "filter: channel": lambda tx: self.filter(tx, channel=draw(["direct", "online", "post"])),
            "filter: overdue": lambda tx: self.filter(tx, due_state=DueState.OVERDUE),
            "filter: near due": lambda tx: self.filter(tx, due_state=DueState.NEAR_DUE),
            "filter: in time, channel, district": lambda tx: self.filter(
                tx, district(), due_state=DueState.IN_TIME, channel="post"
            ),
            "filter: overdue in a department": lambda tx: self.filter(tx, department(), due_state=DueState.OVERDUE),
            "filter: a month, years ago": lambda tx: self.filter(tx, filed_from=ago(old + 30), filed_to=ago(old)),
            "filter: district, a month": lambda tx: self.filter(
                tx, district(), filed_from=ago(old + 30), filed_to=ago(old)
            ),
            "filter: due this week": lambda tx: self.filter(tx, due_from=ago(0), due_to=ago(-7)),
            "search: family name": lambda tx: self.filter(tx, sought=sought(draw(FAMILY))),
            "search: whole name": lambda tx: self.filter(tx, sought=sought(self.name())),
            "search: without accents": lambda tx: self.filter(tx, sought=sought(without_accents(self.name()))),
            "search: begun name": lambda tx: self.filter(tx, sought=sought(self.name(2)[:-1])),
            "search: two letters": lambda tx: self.filter(tx, sought=sought(draw(GIVEN)[:2])),
            "search: code": lambda tx: self.filter(tx, sought=sought(draw(self.dossiers).code)),
            "search: end of a code": lambda tx: self.filter(tx, sought=sought(draw(self.dossiers).code[-7:])),
            "search: procedure": lambda tx: self.filter(tx, sought=sought(draw(["khai sinh", "đất đai", "loại 1500"]))),
            "search: nothing": lambda tx: self.filter(tx, sought=sought("Xyz Không Có")),
            "search: name in a commune": lambda tx: self.filter(tx, commune(), sought=sought(self.name(2))),
            "search: name in a district": lambda tx: self.filter(tx, district(), sought=sought(self.name())),
            "search: name and procedure": lambda tx: self.filter(tx, sought=sought(self.name(1) + " khai sinh")),
            "search: name, open": lambda tx: self.filter(tx, sought=sought(self.name(2)), statuses=[2, 4, 5, 6]),
        }

    def work(self) -> str:
        return self.random.choice(self.random.choice([self.departments, self.units["commune"], self.units["district"]]))


def measure(url: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of every question, without and with the waits for a core; the plans of the slowest of each are written to PLANS."""
    database = Database(DatabaseSettings(url=url), "bench")
    times: dict[str, list[tuple[float, float]]] = {}
    plans: dict[str, tuple[float, Watched]] = {}

    def ask(name: str, tx: Tx, question: Callable[[Watched], Any]) -> Any:
        watched, waited, started = Watched(tx), _waited_ms(backend), time.perf_counter()
        answer = question(watched)
        wall = took = (time.perf_counter() - started) * 1000
        if waited is not None:
            took -= (_waited_ms(backend) or waited) - waited
        times.setdefault(name, []).append((took, wall))
        if took > plans.get(name, (-1.0,))[0]:
            plans[name] = (took, watched)
        return answer

    with database.transaction() as tx:
        backend = int(tx.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        questions = Questions(tx, seed=7)
        for number in range(rounds + 1):
            for name, case in questions.cases().items():
                filter = case(tx)
                rows = ask(name, tx, lambda asked, f=filter: read_store.list_lines(asked, f, FIRST, 51))
                if len(rows) == 51 and name.startswith("list"):
                    last = rows[-2]
                    deep = [last.phase, (last.filed_at - datetime.timedelta(days=900)).isoformat(), last.code]
                    ask(
                        f"{name}, deep page", tx, lambda asked, f=filter, d=deep: read_store.list_lines(asked, f, d, 51)
                    )
                ask(f"counts: {name}", tx, lambda asked, f=filter: read_store.counts(asked, f))
            unit = questions.work()
            rows = ask("worklist", tx, lambda asked, u=unit: read_store.worklist(asked, u, ["-infinity", ""], 51))
            if len(rows) == 51:
                place = [rows[-2].place, rows[-2].code]
                ask("worklist, next page", tx, lambda asked, u=unit, p=place: read_store.worklist(asked, u, p, 51))
            if number == 0:
                times.clear()  # the first round only warms the caches
                plans.clear()
        _explain(plans)
    return times


def _waited_ms(backend: int) -> float | None:
    """How long this process and the server's have stood ready without a core, which others on the machine had; None
    where the server is out of sight. It is taken off, so that a figure does not tell how busy others were."""
    found = [Path(f"/proc/{process}/schedstat") for process in (backend, "self")]
    try:
        return sum(int(path.read_text().split()[1]) for path in found) / 1e6
    except OSError:
        return None


def _explain(plans: dict[str, tuple[float, Watched]]) -> None:
    PLANS.parent.mkdir(parents=True, exist_ok=True)
    with PLANS.open("w") as file:
        for name, (took, watched) in plans.items():
            file.write(f"\n=== {name}: {took:.1f} ms\n" + "\n".join(watched.plans()) + "\n")


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, math.ceil(0.95 * len(values)) - 1)]


def main(arguments: list[str]) -> int:
    """Prints p50, p95 and the slowest of each question, and fails when a group's p95 is over the aim."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.dossier_read", description=__doc__)
    parser.add_argument("--dossiers", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args(arguments)
    with _server() as admin_url:
        times = measure(prepare(admin_url, options.dossiers), options.rounds)
    groups: dict[str, list[tuple[float, float]]] = {}
    print(f"{'question':52} {'p50':>8} {'p95':>8} {'max':>8} {'wall p95':>9}  ms")
    for name, values in times.items():
        print(f"{name:52} {_figures(values)}")
        groups.setdefault(name.split(":")[0].split(",")[0], []).extend(values)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; plans: {PLANS}")
    for name, values in groups.items():
        print(f"{name:52} {_figures(values)}  of {len(values)}; aim: p95 < {AIM_MS:.0f}")
    return int(any(_p95([own for own, _ in values]) > AIM_MS for values in groups.values()))


def _figures(values: list[tuple[float, float]]) -> str:
    own, wall = zip(*values, strict=True)
    return f"{median(own):8.1f} {_p95(list(own)):8.1f} {max(own):8.1f} {_p95(list(wall)):9.1f}"


@contextmanager
def _server() -> Iterator[str]:
    """A superuser's URL of a server: that of BENCH_POSTGRES_URL, or the benchmark's private one."""
    if "BENCH_POSTGRES_URL" in os.environ:
        yield os.environ["BENCH_POSTGRES_URL"]
        return
    from tests.load import servers

    with servers.running() as running:
        yield running.postgres_url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

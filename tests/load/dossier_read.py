"""List, filter, search, worklist and counts of dossier at two million dossiers, with the plans.

`python -m tests.load.dossier_read [--dossiers N] [--rounds N] [--keep]` makes a database of its own on the server of
BENCH_POSTGRES_URL (a superuser), or on the benchmark's private one; plans go to .run/bench/dossier_read_plans.txt.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from chassis.database import Database, Tx
from chassis.settings import DatabaseSettings
from dossier import read_store
from dossier.domain.outcome import DueState
from dossier.reading import Reach, below
from dossier.search_words import sought

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
# 100 a unit and day on average; a thousandth of a million days and hours are drawn from a squared random number, so that
# the newest days are the fullest; one in twenty is open.
DOSSIERS = """
CREATE TEMP TABLE drawn AS
SELECT n, u.codes[1 + floor(random() ^ 2 * 236)::int] AS unit, 1 + floor(random() ^ 3 * 1899)::int AS procedure,
       now() - interval '5 years' * random() AS filed_at, random() AS fate, random() AS door,
       %(family)s::text[] AS family, %(middle)s::text[] AS middle, %(given)s::text[] AS given, random() AS a,
       random() AS b, random() AS c
FROM generate_series(1, %(dossiers)s) n, (SELECT array_agg(code ORDER BY md5(code)) AS codes FROM unit) u;
CREATE TEMP TABLE made AS
SELECT format('%%s-%%s-%%s', unit, to_char(filed_at, 'YYMMDD'), lpad((n %% 100000)::text, 5, '0')) || to_hex(n) AS code,
       unit, '1.' || lpad(procedure::text, 6, '0') AS procedure_code, filed_at,
       CASE WHEN door > 0.95 THEN 'post' WHEN door > 0.4 THEN 'online' ELSE 'direct' END AS channel,
       CASE WHEN filed_at > now() - interval '90 days' AND fate > 0.15 OR fate > 0.99
            THEN (ARRAY[1, 2, 4, 4, 4, 5, 6, 9])[1 + floor(c * 8)::int]
            ELSE (ARRAY[10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3, 7, 8])[1 + floor(c * 15)::int] END AS status,
       family[1 + floor(a * array_length(family, 1))::int] || ' ' || middle[1 + floor(b * array_length(middle, 1))::int]
       || ' ' || given[1 + floor(c * array_length(given, 1))::int] AS full_name,
       CASE WHEN door < 0.1 THEN 'H52.' || 1 + floor(a * 20)::int END AS step_unit
FROM drawn;
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at,
                     closed_at, state, full_name, email, phone)
SELECT code, unit, procedure_code, 1, channel, status, filed_at, filed_at,
       CASE WHEN status NOT IN (1, 5, 6) THEN filed_at + interval '45 days' END, NULL,
       jsonb_build_object('code', code, 'unit', unit, 'channel', channel, 'filler', repeat('x', 600)), full_name,
       'nguoi.nop@example.vn', '0912345678'
FROM made;
INSERT INTO register_line (code, unit, procedure_code, channel, status, filed_at, due_at, work_due_at, step_unit,
                           step_due_at, step_units, words)
SELECT made.code, unit, procedure_code, channel, status, filed_at,
       CASE WHEN status NOT IN (1, 5, 6) THEN filed_at + interval '45 days' END,
       CASE WHEN status IN (2, 4) THEN filed_at + interval '45 days' ELSE 'infinity' END,
       CASE WHEN status IN (2, 4, 5, 6) THEN step_unit END,
       CASE WHEN status IN (2, 4) AND step_unit IS NOT NULL THEN filed_at + interval '30 days' ELSE 'infinity' END,
       CASE WHEN step_unit IS NULL THEN '{}' ELSE ARRAY[step_unit] END,
       search_words(full_name || ' ' || made.code || ' ' || p.name)
FROM made JOIN procedure p ON p.code = procedure_code;
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
        cursor.execute(DOSSIERS, {"dossiers": dossiers, "family": FAMILY, "middle": MIDDLE, "given": GIVEN})
        for _, text in later:
            cursor.execute(text)
        cursor.execute("ALTER TABLE dossier ENABLE TRIGGER ALL")
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM (ANALYZE) register_line")
        cursor.execute("VACUUM (ANALYZE) dossier")
    print(f"{dossiers:,} dossiers made in {time.perf_counter() - started:.0f} s", flush=True)

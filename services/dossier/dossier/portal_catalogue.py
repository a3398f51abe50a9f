"""Reads the national catalogue of procedures (LayDanhSachTTHC, LayThuTuc) and says where ours differs from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from chassis import logs
from chassis.cli import echo, open_database
from chassis.database import Database, Tx
from chassis.service import Service
from dossier import portal_store
from dossier.portal_client import Meaning, Portal, account
from dossier.portal_wire import CODE, NAME, text

log = logs.get(__name__)
LIST, ONE = "LayDanhSachTTHC", "LayThuTuc"
MOST, MOST_DETAILS = 50_000, 2_000
LARGEST_DETAIL = 20_000
KEEP = """
INSERT INTO portal_procedure (code, name, field_code, field_name, seen_at)
SELECT code, name, field_code, field_name, now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(code text, name text, field_code text, field_name text)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, field_code = excluded.field_code,
    field_name = excluded.field_name, seen_at = now()
"""
DETAIL = "UPDATE portal_procedure SET detail = %(detail)s WHERE code = %(code)s"
GONE = "DELETE FROM portal_procedure WHERE seen_at < now()"
# now() is the start of the transaction: rows written in it carry it, older ones are what the portal no longer lists.
OURS = """
SELECT p.code, coalesce(m.theirs, p.code) AS portal_code, p.name, t.name AS portal_name, t.seen_at,
       CASE WHEN t.code IS NULL THEN 'missing' WHEN t.name <> p.name THEN 'name' ELSE 'same' END AS difference
FROM (SELECT DISTINCT ON (code) code, name FROM procedure
      WHERE valid_to IS NULL OR valid_to >= CURRENT_DATE ORDER BY code, version DESC) p
LEFT JOIN portal_mapping m ON (m.kind, m.ours) = ('procedure', p.code)
LEFT JOIN portal_procedure t ON t.code = coalesce(m.theirs, p.code)
WHERE p.code > %(after)s ORDER BY p.code LIMIT %(limit)s
"""


def read_theirs(database: Database, portal: Portal) -> int | None:
    """Read the whole list and the details of the procedures that we have; how many are listed, None without an answer.
    A list that is empty changes nothing: a portal that forgot everything is a fault, not news."""
    answer = portal.call(LIST)
    rows = [row for item in answer.items[:MOST] if (row := _row(item))]
    if answer.meaning is not Meaning.DONE or not rows:
        log.warning("national catalogue not read", meaning=answer.meaning.value, error_code=answer.code)
        return None
    with database.transaction() as tx:
        tx.exec_driver_sql(KEEP, {"rows": json.dumps(rows)})
        tx.exec_driver_sql(GONE)
        wanted = [row.portal_code for row in compared(tx, "", MOST_DETAILS) if row.difference != "missing"]
    for code in wanted:
        found = portal.call(ONE, matthc=code)
        if found.meaning is Meaning.DONE and found.items:
            _keep_detail(database, code, found.items[0])
        elif found.meaning is not Meaning.REFUSED:
            break
    return len(rows)


def _row(item: Mapping[str, Any]) -> dict[str, str] | None:
    code, name = text(item.get("MaTTHC"), CODE), text(item.get("TenTTHC"), NAME)
    more = {"field_code": text(item.get("MaLinhVuc"), CODE), "field_name": text(item.get("TenLinhVuc"), NAME)}
    return {"code": code, "name": name, **more} if code and name else None


def _keep_detail(database: Database, code: str, detail: Mapping[str, Any]) -> None:
    told = json.dumps(detail, ensure_ascii=False).replace("\\u0000", "")
    if len(told) <= LARGEST_DETAIL:
        with database.transaction() as tx:
            tx.exec_driver_sql(DETAIL, {"code": code, "detail": told})


def compared(tx: Tx, after: str, limit: int) -> list[Any]:
    """Our procedures in force by code, each with the portal's and what differs: missing, name or same."""
    return list(tx.exec_driver_sql(OURS, {"after": after, "limit": limit}))


@click.command("portal-procedures")
@click.pass_obj
def procedures(service: Service) -> None:
    """Read the national catalogue, and print where ours differs. One JSON object a line."""
    database = open_database(service, "portal-procedures")
    listed = read_theirs(database, Portal(account()))
    if listed is None:
        raise click.ClickException("the portal gave no list")
    with database.transaction() as tx:
        rows = compared(tx, "", MOST)
        codes = portal_store.codes(tx)
    for row in rows:
        if row.difference != "same":
            echo(dict(row._mapping))
    echo({"listed": listed, "ours": len(rows), "mapped": sum(kind == "procedure" for kind, _ in codes.entered)})

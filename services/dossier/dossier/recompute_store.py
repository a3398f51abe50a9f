"""All SQL of recountings and their slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis import audit, context
from chassis.database import Database, Tx
from dossier.domain.status import Status

OPEN = tuple(int(status) for status in Status if not status.closed and status is not Status.COMPLETED)
# A dossier is concerned by its own unit, or because a unit has a step of its procedure.
CONCERNED = """
d.status = ANY(%(open)s) AND (%(units)s::text[] IS NULL OR d.unit = ANY(%(units)s::text[])
    OR (d.procedure_code, d.procedure_version) IN (
        SELECT p.code, p.version FROM procedure p, jsonb_array_elements(p.steps) AS step
        WHERE step ->> 'unit' = ANY(%(units)s::text[])))
"""
ADD = """
INSERT INTO recompute (reason, units, requested_by, correlation_id)
VALUES (%(reason)s, %(units)s, %(requested_by)s, %(correlation_id)s) RETURNING id
"""
CALENDAR_ROWS = """
SELECT unit, day::text, works, hours FROM calendar_override
UNION ALL SELECT code, NULL, NULL, hours FROM unit WHERE hours IS NOT NULL
"""
OPEN_JOBS = """
SELECT id, units, requested_by, correlation_id, started_at FROM recompute WHERE finished_at IS NULL ORDER BY id LIMIT 20
"""
# An act that read the old calendar had its transaction id before the horizon was noted. Once no older transaction runs,
# every dossier that was counted by the old calendar can be seen. A foreign transaction that does not end delays this by
# two minutes at most.
NOTE_HORIZON = """
UPDATE recompute SET horizon = pg_snapshot_xmax(pg_current_snapshot()), seen_at = now()
WHERE id = %(id)s AND horizon IS NULL
"""
BEGIN = """
SELECT horizon IS NOT NULL AS noted,
       pg_snapshot_xmin(pg_current_snapshot()) >= horizon OR seen_at < now() - interval '2 minutes' AS ready
FROM recompute WHERE id = %(id)s AND started_at IS NULL FOR UPDATE SKIP LOCKED
"""
CUT = f"""
INSERT INTO recompute_slice (recompute, number, first_code, last_code, dossiers)
SELECT %(id)s, (place - 1) / %(size)s + 1, min(code), max(code), count(*)
FROM (SELECT d.code, row_number() OVER (ORDER BY d.code) AS place FROM dossier d WHERE {CONCERNED}) AS concerned
GROUP BY (place - 1) / %(size)s
"""
STARTED = "UPDATE recompute SET started_at = now() WHERE id = %(id)s"
TAKE_SLICE = """
SELECT recompute, number, first_code, last_code FROM recompute_slice WHERE recompute = %(id)s AND done_at IS NULL
ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED
"""
CODES = f"SELECT d.code FROM dossier d WHERE d.code BETWEEN %(first)s AND %(last)s AND {CONCERNED}"
SLICE_DONE = """
UPDATE recompute_slice SET done_at = now(), moved = %(moved)s, failed = %(failed)s
WHERE (recompute, number) = (%(recompute)s, %(number)s)
"""
GIVE_UP_AFTER = 5
SLICE_FAILED = f"""
UPDATE recompute_slice SET attempts = attempts + 1,
    failed = CASE WHEN attempts + 1 >= {GIVE_UP_AFTER} THEN dossiers ELSE failed END,
    done_at = CASE WHEN attempts + 1 >= {GIVE_UP_AFTER} THEN now() END
WHERE (recompute, number) = (%(recompute)s, %(number)s) AND done_at IS NULL RETURNING attempts, done_at
"""
# Not while another scheduler still has a slice in hand: its row is not done until it commits.
FINISH = """
UPDATE recompute r SET finished_at = now() WHERE r.id = %(id)s AND r.finished_at IS NULL AND r.started_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM recompute_slice s WHERE s.recompute = r.id AND s.done_at IS NULL)
"""
SHOW = """
SELECT r.id, r.reason, r.units, r.requested_by, r.requested_at, r.started_at, r.finished_at,
       coalesce(sum(s.dossiers), 0)::bigint AS dossiers,
       coalesce(sum(s.dossiers) FILTER (WHERE s.done_at IS NOT NULL), 0)::bigint AS counted,
       coalesce(sum(s.moved), 0)::bigint AS moved, coalesce(sum(s.failed), 0)::bigint AS failed
FROM recompute r LEFT JOIN recompute_slice s ON s.recompute = r.id
"""


def order(tx: Tx, units: Sequence[str] | None, reason: str) -> int:
    """Order a recounting of the open dossiers that units (None: all) have to do with, in the transaction of the change
    that makes it necessary. Returns its number. Audited."""
    now = context.current()
    row = {
        "reason": reason,
        "units": list(units) if units is not None else None,
        "requested_by": now.caller.subject,
        "correlation_id": now.correlation_id,
    }
    number = int(tx.exec_driver_sql(ADD, row).scalar_one())
    audit.record(tx, "recompute.order", f"recompute/{number}", after={"units": row["units"], "reason": reason})
    return number


def calendar_rows(tx: Tx) -> set[tuple[Any, ...]]:
    """What all calendars are made of, each row headed by its unit (None: everybody)."""
    return {tuple(row) for row in tx.exec_driver_sql(CALENDAR_ROWS)}


def order_where_changed(tx: Tx, before: set[tuple[Any, ...]], reason: str) -> int | None:
    """Order a recounting for the units whose `calendar_rows` are no longer those of before; None where there is no need."""
    units = {row[0] for row in before ^ calendar_rows(tx)}
    if not units or tx.exec_driver_sql("SELECT 1 FROM dossier LIMIT 1").first() is None:
        return None
    return order(tx, None if None in units else sorted(units), reason)


def open_jobs(database: Database) -> list[Any]:
    """The recountings that are not finished, oldest first; at most 20."""
    with database.transaction() as tx:
        return list(tx.exec_driver_sql(OPEN_JOBS))


def begin(tx: Tx, number: int) -> bool:
    """True, with the recounting locked, once it may be cut: no act of before the calendar change is under way."""
    row = tx.exec_driver_sql(BEGIN, {"id": number}).first()
    if row is None:
        return False
    if not row.noted:
        tx.exec_driver_sql(NOTE_HORIZON, {"id": number})
    return bool(row.ready)


def cut(tx: Tx, number: int, units: Sequence[str] | None, size: int) -> bool:
    """Cut the open dossiers concerned into slices of `size`, by code."""
    tx.exec_driver_sql(CUT, {"id": number, "units": units, "size": size, "open": list(OPEN)})
    tx.exec_driver_sql(STARTED, {"id": number})
    return True


def take_slice(tx: Tx, number: int) -> Any:
    """The next slice that nobody has in hand, locked until commit; None when there is none."""
    return tx.exec_driver_sql(TAKE_SLICE, {"id": number}).first()


def codes(tx: Tx, part: Any, units: Sequence[str] | None) -> list[str]:
    """The codes of a slice that are still concerned."""
    row = {"first": part.first_code, "last": part.last_code, "units": units, "open": list(OPEN)}
    return [each.code for each in tx.exec_driver_sql(CODES, row)]


def slice_done(tx: Tx, part: Any, moved: int, failed: int) -> None:
    """Note what became of a slice."""
    row = {"recompute": part.recompute, "number": part.number, "moved": moved, "failed": failed}
    tx.exec_driver_sql(SLICE_DONE, row)


def slice_failed(tx: Tx, part: Any) -> bool:
    """Note that a slice could not be done; True when it is given up, which its recounting shows as failed dossiers."""
    row = {"recompute": part.recompute, "number": part.number}
    noted = tx.exec_driver_sql(SLICE_FAILED, row).first()
    return noted is not None and noted.done_at is not None


def finish(tx: Tx, number: int) -> None:
    """Close a recounting of which every slice is done."""
    tx.exec_driver_sql(FINISH, {"id": number})


def find(tx: Tx, number: int) -> Any:
    """One recounting with its progress, or None."""
    return tx.exec_driver_sql(SHOW + "WHERE r.id = %(id)s GROUP BY r.id", {"id": number}).first()


def page(tx: Tx, before: int, limit: int) -> list[Any]:
    """Recountings before a number, the newest first."""
    text = SHOW + "WHERE r.id < %(before)s GROUP BY r.id ORDER BY r.id DESC LIMIT %(limit)s"
    return list(tx.exec_driver_sql(text, {"before": before, "limit": limit}))

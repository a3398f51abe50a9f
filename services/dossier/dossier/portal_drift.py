"""All SQL of the comparison of our book with the portal's: runs, what to ask for, and what differed."""

from __future__ import annotations

import datetime
import json
from typing import Any

from chassis.database import Tx

SILENT_MINUTES = 10
BEGIN = f"""
INSERT INTO portal_reconciliation AS r (day, since, mend, requested_by)
VALUES (%(day)s, %(since)s, %(mend)s, %(requested_by)s)
ON CONFLICT (day) DO UPDATE SET seen_at = now()
WHERE r.finished_at IS NULL AND r.seen_at < now() - interval '{SILENT_MINUTES} minutes'
RETURNING id, since, mend, after_code, counts
"""
SEEN = """
UPDATE portal_reconciliation SET after_code = %(after)s, counts = %(counts)s, seen_at = now(),
    finished_at = CASE WHEN %(finished)s THEN now() END
WHERE id = %(id)s
"""
CANDIDATES = """
SELECT d.code, d.version FROM dossier d
WHERE d.code > %(after)s AND (d.filed_at >= %(since)s OR d.status IN (1, 2, 4, 5, 6, 9)) ORDER BY d.code LIMIT %(limit)s
"""
PENDING = """
SELECT 1 FROM portal_delivery WHERE code = %(code)s AND state IN ('waiting', 'reserved', 'dead') LIMIT 1
"""
AGREES = """
INSERT INTO portal_dossier (code, synced_at, checked_at) VALUES (%(code)s, now(), now())
ON CONFLICT (code) DO UPDATE SET synced_at = coalesce(portal_dossier.synced_at, now()), checked_at = now(),
    drift = NULL, ours = NULL, theirs = NULL, found_at = NULL, mended_at = NULL
"""
DIFFERS = """
INSERT INTO portal_dossier AS p (code, checked_at, drift, ours, theirs, found_at, mended_at)
VALUES (%(code)s, now(), %(drift)s, %(ours)s, %(theirs)s, now(), CASE WHEN %(mended)s THEN now() END)
ON CONFLICT (code) DO UPDATE SET checked_at = now(), drift = excluded.drift, ours = excluded.ours,
    theirs = excluded.theirs, found_at = coalesce(p.found_at, now()), mended_at = excluded.mended_at
"""
LIST = """
SELECT p.code, p.drift, p.ours, p.theirs, p.found_at, p.checked_at, p.synced_at, p.mended_at
FROM portal_dossier p WHERE p.drift IS NOT NULL AND p.code > %(after)s
AND (%(drift)s::text IS NULL OR p.drift = %(drift)s) ORDER BY p.code LIMIT %(limit)s
"""
RUNS = """
SELECT id, day, since, mend, requested_by, started_at, finished_at, counts
FROM portal_reconciliation WHERE id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""


def begin(tx: Tx, day: datetime.date | None, since: datetime.date, mend: bool, requested_by: str) -> Any | None:
    """A new run, or the one of this day that a killed process left; None when somebody does it or it is done."""
    values = {"day": day, "since": since, "mend": mend, "requested_by": requested_by}
    return tx.exec_driver_sql(BEGIN, values).first()


def seen(tx: Tx, number: int, after: str, counts: dict[str, int], finished: bool) -> None:
    """Note how far a run has come."""
    tx.exec_driver_sql(SEEN, {"id": number, "after": after, "counts": json.dumps(counts), "finished": finished})


def candidates(tx: Tx, since: datetime.datetime, after: str, limit: int) -> list[Any]:
    """Dossiers filed since a moment, and all that are open, by code."""
    return list(tx.exec_driver_sql(CANDIDATES, {"since": since, "after": after, "limit": limit}))


def pending(tx: Tx, code: str) -> bool:
    """Whether something about the dossier is still owed: then the books may differ."""
    return tx.exec_driver_sql(PENDING, {"code": code}).first() is not None


def agrees(tx: Tx, code: str) -> None:
    """The portal holds what we hold."""
    tx.exec_driver_sql(AGREES, {"code": code})


def differs(tx: Tx, code: str, drift: str, ours: Any, theirs: Any, mended: bool) -> None:
    """The portal holds something else, or nothing."""
    values = {"code": code, "drift": drift, "ours": json.dumps(ours), "theirs": json.dumps(theirs), "mended": mended}
    tx.exec_driver_sql(DIFFERS, values)


def listed(tx: Tx, drift: str | None, after: str, limit: int) -> list[Any]:
    """Dossiers that differ, by code."""
    return list(tx.exec_driver_sql(LIST, {"drift": drift, "after": after, "limit": limit}))


def counts(tx: Tx) -> dict[str, int]:
    """How many dossiers differ, by what."""
    query = "SELECT drift, count(*) AS dossiers FROM portal_dossier WHERE drift IS NOT NULL GROUP BY drift"
    found = {row.drift: row.dossiers for row in tx.exec_driver_sql(query)}
    return {kind: found.get(kind, 0) for kind in ("missing", "status", "due_date")}


def runs(tx: Tx, before: int, limit: int) -> list[Any]:
    """Comparisons, the newest first."""
    return list(tx.exec_driver_sql(RUNS, {"before": before, "limit": limit}))

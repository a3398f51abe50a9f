"""All SQL of the watch: the next-deadline table, and many dossiers at once."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

from chassis.database import Tx, Writer
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.instants import VIETNAM
from dossier.domain.promises import BY_THE_CLOCK, Kind, Promise, promises
from dossier.domain.status import Status
from dossier.settings import watch
from dossier.states import from_json, to_json
from dossier.store import SELECT, Person, Record

# Rows of what is no longer owed go; those of a clock that stands still stay, so that a promise which comes back
# unmoved is not said twice. The scheduler never waits for a row here, and an act locks all rows of its dossier before
# it announces anything: that is why the two cannot deadlock, and why an announcement never overtakes an act.
KEEP = """
WITH subject AS (
    SELECT * FROM unnest(%(codes)s::text[], %(still)s::boolean[], %(made_at)s::timestamptz[]) AS s(code, still, made_at)
), wanted AS (
    SELECT w.*, s.made_at
    FROM jsonb_to_recordset(%(wanted)s::jsonb)
         AS w(code text, kind text, step smallint, promised_at timestamptz, fires_at timestamptz)
    JOIN subject s USING (code)
), gone AS (
    DELETE FROM promise p USING subject s
    WHERE p.code = s.code AND NOT (s.still AND p.kind = ANY(%(by_the_clock)s))
    AND NOT EXISTS (SELECT 1 FROM wanted w WHERE (w.code, w.kind, w.step) = (p.code, p.kind, p.step))
), stopped AS (
    UPDATE promise p SET state = 'still' FROM subject s
    WHERE p.code = s.code AND s.still AND p.kind = ANY(%(by_the_clock)s) AND p.state = 'waiting'
)
INSERT INTO promise AS p (code, kind, step, promised_at, fires_at, made_at)
SELECT code, kind, step, promised_at, greatest(fires_at, made_at), made_at FROM wanted ORDER BY code, kind, step
ON CONFLICT (code, kind, step) DO UPDATE SET
    promised_at = excluded.promised_at,
    made_at = CASE WHEN p.promised_at = excluded.promised_at THEN p.made_at ELSE excluded.made_at END,
    fires_at = CASE WHEN p.promised_at = excluded.promised_at AND p.fires_at <= now() THEN p.fires_at
                    ELSE excluded.fires_at END,
    state = CASE WHEN p.promised_at = excluded.promised_at AND p.state = 'said' THEN 'said' ELSE 'waiting' END,
    said_at = CASE WHEN p.promised_at = excluded.promised_at THEN p.said_at END,
    attempts = 0,
    held_until = NULL
"""
TAKE_DUE = """
SELECT code, kind, step, promised_at, fires_at, extract(epoch FROM now() - fires_at) AS late_s FROM promise
WHERE state = 'waiting' AND fires_at <= now() AND (held_until IS NULL OR held_until <= now())
ORDER BY fires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
SAID = """
UPDATE promise p SET state = 'said', said_at = clock_timestamp()
FROM unnest(%(codes)s::text[], %(kinds)s::text[], %(steps)s::smallint[]) AS s(code, kind, step)
WHERE (p.code, p.kind, p.step) = (s.code, s.kind, s.step)
"""
HOLD = """
UPDATE promise SET attempts = attempts + 1, held_until = now() + least(3600, 5 * 2 ^ least(attempts, 10)) * interval '1 s'
WHERE (code, kind, step) = (%(code)s, %(kind)s, %(step)s)
"""
MANY = SELECT.replace("WHERE d.code = %(code)s", "WHERE d.code = ANY(%(codes)s) ORDER BY d.code")
REMEMBER_MANY = """
INSERT INTO dossier_history (code, fact, status, at, actor, unit, data)
SELECT l.code, l.fact, l.status, l.at, l.actor, l.unit, l.data
FROM jsonb_array_elements(%(lines)s::jsonb) WITH ORDINALITY AS lines(line, place),
     jsonb_to_record(lines.line) AS l(code text, fact text, status smallint, at timestamptz, actor text, unit text,
                                      data jsonb)
ORDER BY lines.place
"""
SAVE_DATES = """
UPDATE dossier d SET due_at = s.due_at, state = s.state, version = version + 1
FROM jsonb_to_recordset(%(rows)s::jsonb) AS s(code text, due_at timestamptz, state jsonb) WHERE d.code = s.code
"""
PAUSED = (Status.AWAITING_SUPPLEMENT, Status.AWAITING_PAYMENT)


def keep(tx: Writer, dossier: Dossier, calendars: Calendars, new: bool = False) -> None:
    """Make the table say what a dossier owes now; belongs to every change of a dossier, after it is saved and before it
    is announced. A `new` one owed nothing before."""
    keep_many(tx, [dossier], calendars, new=new)


def keep_many(
    tx: Writer,
    dossiers: Sequence[Dossier],
    calendars: Calendars,
    made_at: datetime.datetime | None = None,
    new: bool = False,
) -> None:
    """The same for many. `made_at` is since when a new date stands (default: the dossier's last act)."""
    warn_days = watch().warn_days
    owed = [(each, promise) for each in dossiers for promise in promises(each, calendars, warn_days)]
    if new and not owed:
        return
    tx.exec_driver_sql(
        KEEP,
        {
            "codes": [each.code for each in dossiers],
            "still": [each.status in PAUSED for each in dossiers],
            "made_at": [made_at or each.last_act_at for each in dossiers],
            "wanted": json.dumps([_row(each.code, promise) for each, promise in owed]),
            "by_the_clock": [kind.value for kind in BY_THE_CLOCK],
        },
    )


def _row(code: str, promise: Promise) -> dict[str, Any]:
    return {
        "code": code,
        "kind": promise.kind.value,
        "step": promise.step,
        "promised_at": promise.promised_at.isoformat(),
        "fires_at": promise.fires_at.isoformat(),
    }


def take_due(tx: Tx, limit: int) -> list[Any]:
    """The promises whose moment has come by the database's clock, the oldest first, locked; not those that another
    scheduler has in hand."""
    return list(tx.exec_driver_sql(TAKE_DUE, {"limit": limit}))


def now(tx: Tx) -> datetime.datetime:
    """The database's clock: the one by which promises fall due, whatever the clocks of its clients say."""
    at: datetime.datetime = tx.exec_driver_sql("SELECT now()").scalar_one()
    return at.astimezone(VIETNAM)


def said(tx: Tx, rows: Sequence[Any]) -> None:
    """Note that promises were said: they are not said again unless they move."""
    keys = {"codes": "code", "kinds": "kind", "steps": "step"}
    tx.exec_driver_sql(SAID, {name: [getattr(row, key) for row in rows] for name, key in keys.items()})


def hold(tx: Tx, row: Any) -> None:
    """Set a promise that could not be said aside for 5 s, doubled each time, up to an hour."""
    tx.exec_driver_sql(HOLD, {"code": row.code, "kind": row.kind, "step": row.step})


def promise_of(row: Any) -> Promise:
    """A row as the domain sees it."""
    return Promise(Kind(row.kind), row.step, row.promised_at.astimezone(VIETNAM), row.fires_at.astimezone(VIETNAM))


def get_many(tx: Tx, codes: Iterable[str], lock: bool = False) -> dict[str, Record]:
    """Dossiers by code; locked, if asked for, in the order of their codes."""
    rows = tx.exec_driver_sql(MANY + (" FOR UPDATE OF d" if lock else ""), {"codes": sorted(set(codes))})
    return {row.code: _record(row) for row in rows}


def _record(row: Any) -> Record:
    person = Person(row.full_name, row.email, row.phone, row.identity_number, row.address)
    return Record(from_json(row.state), person, row.procedure_version, row.unit_name, row.procedure_name, row.version)


def remember_many(tx: Writer, lines: Sequence[dict[str, Any]]) -> None:
    """Append lines to the histories, in the order given; their keys are the columns."""
    if lines:
        tx.exec_driver_sql(REMEMBER_MANY, {"lines": json.dumps(lines, ensure_ascii=False)})


def save_dates(tx: Tx, dossiers: Sequence[Dossier]) -> None:
    """Store dossiers, read with `lock`, of which only dates have changed."""
    rows = [
        {"code": each.code, "due_at": each.due_at and each.due_at.isoformat(), "state": to_json(each)}
        for each in dossiers
    ]
    if rows:
        tx.exec_driver_sql(SAVE_DATES, {"rows": json.dumps(rows)})

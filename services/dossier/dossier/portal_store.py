"""All SQL of what is owed to the national portal: owing, reserving, recording, and what ops see of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chassis import context
from chassis.database import Tx, Writer
from dossier.portal_wire import Codes, Line, Subject

OWE = """
INSERT INTO portal_delivery (code, service, content, history_id, correlation_id, next_attempt_at)
SELECT o.code, o.service, o.content,
       coalesce((SELECT max(h.id) FROM dossier_history h WHERE h.code = o.code), 0), %(correlation_id)s,
       CASE WHEN EXISTS (SELECT 1 FROM portal_delivery d WHERE d.code = o.code AND d.state = 'dead') THEN NULL
            ELSE now() END
FROM jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS rows(row, place),
     jsonb_to_record(rows.row) AS o(code text, service text, content jsonb)
ORDER BY rows.place
"""
FREE = """
UPDATE portal_delivery SET state = 'waiting', reservation = NULL WHERE state = 'reserved' AND reserved_until < now()
"""
# Only the first open delivery of a dossier is ever taken: what waits, is in hand or is dead holds up what comes after it.
CLAIM = """
UPDATE portal_delivery d
SET state = 'reserved', reservation = %(reservation)s, reserved_until = now() + %(seconds)s * interval '1 s'
FROM (
    SELECT id FROM portal_delivery w
    WHERE state = 'waiting' AND next_attempt_at <= now() AND NOT EXISTS (
        SELECT 1 FROM portal_delivery b
        WHERE b.code = w.code AND b.id < w.id AND b.state IN ('waiting', 'reserved', 'dead'))
    ORDER BY next_attempt_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) ready
WHERE d.id = ready.id
RETURNING d.id, d.code, d.service, d.content, d.history_id, d.correlation_id, d.tries
"""
RELEASE = """
UPDATE portal_delivery SET state = 'waiting', reservation = NULL
WHERE id = ANY(%(ids)s) AND state = 'reserved' AND reservation = %(reservation)s
"""
SENT = """
UPDATE portal_delivery SET state = 'sent', sent_at = now(), tried_at = now(), tries = tries + 1, reservation = NULL,
    error_code = NULL, error = NULL
WHERE id = %(id)s AND state = 'reserved' AND reservation = %(reservation)s RETURNING code, service
"""
SYNCED = """
INSERT INTO portal_dossier (code, synced_at) VALUES (%(code)s, now())
ON CONFLICT (code) DO UPDATE
SET synced_at = excluded.synced_at, drift = NULL, ours = NULL, theirs = NULL, found_at = NULL, mended_at = NULL
"""
# A call without an answer counts against the delivery only where the portal has taken something else since its last
# attempt: an outage kills nobody, a dossier at which the portal breaks dies alone.
FAILED = """
UPDATE portal_delivery d
SET tries = tries + 1, failures = failures + own, tried_at = now(), reservation = NULL,
    state = CASE WHEN failures + own >= %(attempts)s THEN 'dead' ELSE 'waiting' END,
    next_attempt_at = now() + %(wait_s)s * interval '1 s', error_code = %(error_code)s, error = %(error)s
FROM (
    SELECT f.id, CASE WHEN %(refused)s OR EXISTS (
        SELECT 1 FROM portal_delivery s WHERE s.state = 'sent' AND s.sent_at > f.tried_at) THEN 1 ELSE 0 END AS own
    FROM portal_delivery f WHERE f.id = %(id)s
) judged
WHERE d.id = judged.id AND d.state = 'reserved' AND d.reservation = %(reservation)s RETURNING d.state, d.code
"""
HOLD = "UPDATE portal_delivery SET next_attempt_at = NULL WHERE code = %(code)s AND state = 'waiting'"
# The dossier is locked as every act locks it: nothing can be held back by a dead delivery that is dead no more.
LOCK = "SELECT code FROM dossier WHERE code = (SELECT code FROM portal_delivery WHERE id = %(id)s) FOR UPDATE"
GO_ON = """
UPDATE portal_delivery SET next_attempt_at = now() WHERE code = %(code)s AND state = 'waiting' AND next_attempt_at IS NULL
"""
PRUNE = """
DELETE FROM portal_delivery WHERE id IN (
    SELECT id FROM portal_delivery WHERE state = 'sent' AND sent_at < now() - %(days)s * interval '1 day' LIMIT 5000)
"""
SUBJECTS = """
SELECT d.code, d.unit, u.name AS unit_name,
       CASE WHEN %(legacy)s THEN coalesce(u.legacy_code, u.code) ELSE u.code END AS agency, d.procedure_code AS procedure,
       p.name AS procedure_name, p.field_code, p.field_name, d.channel, d.filed_at, p.documents, d.full_name, d.email,
       d.phone, d.identity_number, coalesce(s.synced_at IS NOT NULL, false) AS synced
FROM dossier d JOIN unit u ON u.code = d.unit
JOIN procedure p ON (p.code, p.version) = (d.procedure_code, d.procedure_version)
LEFT JOIN portal_dossier s ON s.code = d.code WHERE d.code = ANY(%(codes)s)
"""
HISTORY = """
SELECT code, id, fact, at, actor, unit, data FROM dossier_history
WHERE code = ANY(%(codes)s) AND fact IN ('SupplementRequested', 'SupplementReceived') ORDER BY id
"""
ACTORS = "SELECT id, actor FROM dossier_history WHERE id = ANY(%(ids)s)"
OPEN = """
SELECT s.state, (SELECT count(*) FROM portal_delivery d WHERE d.state = s.state) AS deliveries, extract(epoch FROM
       now() - (SELECT owed_at FROM portal_delivery d WHERE d.state = s.state ORDER BY id LIMIT 1)) AS seconds
FROM unnest(ARRAY['waiting', 'reserved', 'dead']) AS s(state)
"""
DELIVERIES = """
SELECT id, code, service, state, owed_at, next_attempt_at, tries, failures, tried_at, sent_at, error_code, error
FROM portal_delivery
WHERE id > %(after)s AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(code)s::text IS NULL OR code = %(code)s)
ORDER BY id LIMIT %(limit)s
"""


def owe(tx: Writer, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write deliveries, in the order given, each `{code, service, content}`."""
    if rows:
        correlation_id = context.current().correlation_id
        tx.exec_driver_sql(OWE, {"rows": json.dumps(rows), "correlation_id": correlation_id})


def claim(tx: Tx, reservation: str, limit: int, seconds: float) -> list[Any]:
    """Reserve what is due, at most one delivery a dossier, oldest first; what a dead process reserved is freed first."""
    tx.exec_driver_sql(FREE)
    values = {"reservation": reservation, "limit": limit, "seconds": seconds}
    return sorted(tx.exec_driver_sql(CLAIM, values), key=lambda row: row.id)


def release(tx: Tx, reservation: str, ids: Sequence[int]) -> None:
    """Give reserved deliveries back, as if they had never been taken."""
    tx.exec_driver_sql(RELEASE, {"reservation": reservation, "ids": list(ids)})


def sent(tx: Tx, number: int, reservation: str) -> bool:
    """Record that the portal took it; False where the reservation had lapsed."""
    row = tx.exec_driver_sql(SENT, {"id": number, "reservation": reservation}).first()
    if row is not None and row.service == "DongBoHoSoMC":
        tx.exec_driver_sql(SYNCED, {"code": row.code})
    return row is not None


def failed(
    tx: Tx, number: int, reservation: str, refused: bool, code: str, reason: str, wait_s: float, attempts: int
) -> str | None:
    """Record a failure; the state after it, None where the reservation had lapsed."""
    row = tx.exec_driver_sql(
        FAILED,
        {
            "id": number,
            "reservation": reservation,
            "refused": refused,
            "error_code": code,
            "error": reason,
            "wait_s": wait_s,
            "attempts": attempts,
        },
    ).first()
    if row is not None and row.state == "dead":
        tx.exec_driver_sql(HOLD, {"code": row.code})
    return None if row is None else str(row.state)


def prune(tx: Tx, days: int) -> int:
    """Forget some of what was sent long ago; returns how many."""
    return int(tx.exec_driver_sql(PRUNE, {"days": days}).rowcount)


def subjects(tx: Tx, codes: Sequence[str], legacy: bool) -> dict[str, Subject]:
    """What does not change of each dossier, with its person."""
    rows = tx.exec_driver_sql(SUBJECTS, {"codes": list(codes), "legacy": legacy}).mappings()
    return {row["code"]: Subject(**row) for row in rows}


def histories(tx: Tx, codes: Sequence[str]) -> dict[str, list[tuple[int, Line]]]:
    """The supplements of each dossier, with the ids of their lines."""
    found: dict[str, list[tuple[int, Line]]] = {code: [] for code in codes}
    for row in tx.exec_driver_sql(HISTORY, {"codes": list(codes)}):
        found[row.code].append((row.id, Line(row.fact, row.at, row.actor, row.unit, row.data)))
    return found


def actors(tx: Tx, history_ids: Sequence[int]) -> dict[int, str]:
    """Who did what, by the id of the line of the history."""
    return {row.id: row.actor for row in tx.exec_driver_sql(ACTORS, {"ids": list(history_ids)})}


def unit_names(tx: Tx) -> dict[str, str]:
    """The names of all units, which are some hundreds."""
    return {row.code: row.name for row in tx.exec_driver_sql("SELECT code, name FROM unit")}


def codes(tx: Tx) -> Codes:
    """The portal's codes for ours."""
    rows = tx.exec_driver_sql("SELECT kind, ours, theirs FROM portal_mapping")
    return Codes({(row.kind, row.ours): row.theirs for row in rows})


def open_states(tx: Tx) -> dict[str, tuple[int, float]]:
    """How many deliveries wait, are in hand or are dead, and the age of the oldest in seconds."""
    return {row.state: (row.deliveries, float(row.seconds or 0)) for row in tx.exec_driver_sql(OPEN)}


def deliveries(tx: Tx, state: str | None, code: str | None, after: int, limit: int) -> list[Any]:
    """Deliveries after an id, the oldest first."""
    return list(tx.exec_driver_sql(DELIVERIES, {"state": state, "code": code, "after": after, "limit": limit}))


def retry(tx: Tx, number: int) -> str | None:
    """Give a dead delivery its attempts again, or let a waiting one wait no longer; its dossier, None if it is neither."""
    return _settle(tx, number, "'waiting', failures = 0, next_attempt_at = now()", ["dead", "waiting"])


def drop(tx: Tx, number: int) -> str | None:
    """Give a dead delivery up, so that what comes after it goes on; its dossier, None if it is not dead."""
    return _settle(tx, number, "'dropped'", ["dead"])


def _settle(tx: Tx, number: int, state: str, states: list[str]) -> str | None:
    tx.exec_driver_sql(LOCK, {"id": number})
    query = f"UPDATE portal_delivery SET state = {state} WHERE id = %(id)s AND state = ANY(%(states)s) RETURNING code"
    code: str | None = tx.exec_driver_sql(query, {"id": number, "states": states}).scalar()
    if code is not None:
        tx.exec_driver_sql(GO_ON, {"code": code})
    return code

"""Who changed what: a row in the transaction of the change, then sealed in order into a hash chain."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from chassis import context
from chassis.database import Database, Writer

# NĐ 85/2016 level 3 (TCVN 11930:2017): log-ins, errors, changes and access to important data are recorded and kept.
RECORD = """
INSERT INTO audit_entry (at, actor, role, unit, address, action, object, before_hash, after_hash, result,
                         correlation_id)
VALUES (%(at)s, %(actor)s, %(role)s, %(unit)s, %(address)s, %(action)s, %(object)s, %(before_hash)s, %(after_hash)s,
        %(result)s, %(correlation_id)s)
"""
RECORD_MANY = """
INSERT INTO audit_entry (at, actor, role, unit, address, action, object, before_hash, after_hash, result, correlation_id)
SELECT %(at)s, %(actor)s, %(role)s, %(unit)s, %(address)s, %(action)s, changed.object, changed.before_hash,
       changed.after_hash, %(result)s, %(correlation_id)s
FROM unnest(%(objects)s::text[], %(before)s::text[], %(after)s::text[]) AS changed(object, before_hash, after_hash)
"""
COLUMNS = "id, at, actor, role, unit, address, action, object, before_hash, after_hash, result, correlation_id"
UNSEALED = f"""
SELECT {COLUMNS} FROM audit_entry e
WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry_id = e.id) AND e.id > %(floor)s ORDER BY e.id LIMIT 1000
"""
FLOOR = "SELECT coalesce(max(entry_id), 0) - %(reach)s FROM audit_seal"
LAST = "SELECT position, hash FROM audit_seal ORDER BY position DESC LIMIT 1"
SEAL = "INSERT INTO audit_seal (position, entry_id, hash) VALUES (%(position)s, %(entry_id)s, %(hash)s)"
CHAIN = f"""
SELECT s.position, s.entry_id, s.hash, {", ".join("e." + name for name in COLUMNS.split(", "))}
FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry_id WHERE s.position > %(after)s
ORDER BY s.position LIMIT 5000
"""
FORGOTTEN = """
SELECT e.id FROM audit_entry e WHERE e.at < now() - interval '5 minutes'
AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry_id = e.id) ORDER BY e.id LIMIT 1
"""
CHAIN_LOCK = "SELECT pg_advisory_xact_lock(7110002)"
GENESIS = "0" * 64


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The outcome of `verify`: how many entries hold, the newest hash, and the first break, if any, in words."""

    entries: int
    head: str
    broken: str | None = None


def record(tx: Writer, action: str, object: str, before: Any = None, after: Any = None, result: str = "ok") -> None:
    """Audit a change in its own transaction. States are kept as hashes only: the log must not become a second copy."""
    hashes = {"before_hash": _hash(before), "after_hash": _hash(after)}
    tx.exec_driver_sql(RECORD, _act(action, result) | hashes | {"object": object})


def record_many(tx: Writer, action: str, changes: Sequence[tuple[str, Any, Any]]) -> None:
    """Audit the same act on many objects, each given as (object, before, after), in one statement."""
    columns = {
        "objects": [name for name, _, _ in changes],
        "before": [_hash(before) for _, before, _ in changes],
        "after": [_hash(after) for _, _, after in changes],
    }
    if changes:
        tx.exec_driver_sql(RECORD_MANY, _act(action, "ok") | columns)


def _act(action: str, result: str) -> dict[str, Any]:
    now = context.current()
    return {
        "at": datetime.datetime.now(datetime.UTC),
        "actor": now.caller.subject,
        "role": now.caller.role,
        "unit": now.caller.unit,
        "address": now.caller.address,
        "action": action,
        "result": result,
        "correlation_id": now.correlation_id,
    }


def _hash(state: Any) -> str | None:
    return None if state is None else digest(state)


def digest(state: Any) -> str:
    """SHA-256 of a state's canonical JSON."""
    text = json.dumps(state, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def link(previous: str, position: int, entry: Any) -> str:
    """The hash of one link: the one before, the position and every column of the entry."""
    columns = {name: getattr(entry, name) for name in COLUMNS.split(", ")}
    columns["at"] = entry.at.astimezone(datetime.UTC).isoformat()
    return digest([previous, position, columns])


def seal(database: Database, reach: int = 2000) -> int:
    """Chain the entries that are not yet chained; only one process does so at a time. Returns how many.

    `reach` is how many ids below the newest sealed one are searched for entries whose transaction committed late.
    Sealing apart from writing keeps writers from queueing behind one another for the head of the chain.
    """
    with database.transaction() as tx:
        tx.exec_driver_sql(CHAIN_LOCK)
        position, head = tx.exec_driver_sql(LAST).first() or (0, GENESIS)
        floor = tx.exec_driver_sql(FLOOR, {"reach": reach}).scalar_one()
        entries = tx.exec_driver_sql(UNSEALED, {"floor": floor}).fetchall()
        for entry in entries:
            position += 1
            head = link(head, position, entry)
            tx.exec_driver_sql(SEAL, {"position": position, "entry_id": entry.id, "hash": head})
    return len(entries)


def verify(database: Database, expected_head: str | None = None) -> Verdict:
    """Recompute the whole chain. An entry that was changed, removed, added behind our back or left unsealed breaks it,
    and so does a chain that no longer contains `expected_head` (a hash noted earlier, outside this database)."""
    position, head, seen_expected = 0, GENESIS, expected_head in (None, GENESIS)
    with database.transaction() as tx:
        while rows := tx.exec_driver_sql(CHAIN, {"after": position}).fetchall():
            for row in rows:
                if row.position != position + 1:
                    return Verdict(position, head, f"seal {position + 1} is missing")
                if row.id is None:
                    return Verdict(position, head, f"entry {row.entry_id} was removed")
                position, head = row.position, link(head, row.position, row)
                if head != row.hash:
                    return Verdict(position, head, f"entry {row.entry_id} was changed")
                seen_expected = seen_expected or head == expected_head
        forgotten = tx.exec_driver_sql(FORGOTTEN).scalar()
    if forgotten is not None:
        return Verdict(position, head, f"entry {forgotten} was never sealed")
    return Verdict(position, head, None if seen_expected else "the chain does not contain the expected head")

"""SQL of imports: where each stands, its bad lines, and many dossiers with their histories at once."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

from chassis import context
from chassis.database import Tx
from dossier.store import Record

LOCK_SOURCE = "SELECT pg_advisory_xact_lock(hashtextextended('import/' || %(source)s, 0))"
LOCK_RUN = "SELECT pg_try_advisory_lock(hashtextextended('import_run/' || %(id)s, 0))"
UNLOCK_RUN = "SELECT pg_advisory_unlock(hashtextextended('import_run/' || %(id)s, 0))"
COLUMNS = """
id, source, state, requested_by, started_at, touched_at, finished_at, lines, offset_bytes, prefix_sha256, added,
extended, unchanged, bad
"""
ADD_RUN = f"""
INSERT INTO import_run (source, requested_by, idempotency_key, prefix_sha256)
VALUES (%(source)s, %(requested_by)s, %(key)s, %(empty)s)
ON CONFLICT (requested_by, idempotency_key) DO UPDATE SET idempotency_key = excluded.idempotency_key
RETURNING {COLUMNS}
"""
# The counts are added to, so that what two processes did to one import is never lost.
MOVE = """
UPDATE import_run SET lines = %(lines)s, offset_bytes = %(offset_bytes)s, prefix_sha256 = %(prefix_sha256)s,
    added = added + %(added)s, extended = extended + %(extended)s, unchanged = unchanged + %(unchanged)s,
    bad = bad + %(bad)s, touched_at = now(), state = 'running', finished_at = NULL
WHERE id = %(id)s
"""
END = """
UPDATE import_run SET state = %(state)s, touched_at = now(), finished_at = CASE WHEN %(state)s = 'finished' THEN now() END
WHERE id = %(id)s
"""
ADD_ERRORS = """
INSERT INTO import_error (import, line, number, field, rule)
SELECT %(id)s, e.line, e.number, e.field, e.rule
FROM jsonb_to_recordset(%(errors)s::jsonb) AS e(line bigint, number smallint, field text, rule text)
ON CONFLICT DO NOTHING
"""
KNOWN = """
SELECT i.source_code, i.code, i.acts, d.full_name, d.email, d.phone, d.identity_number, d.address
FROM imported_dossier i JOIN dossier d USING (code) WHERE i.source = %(source)s AND i.source_code = ANY(%(source_codes)s)
"""
TAKEN = """
SELECT d.code, i.source, i.source_code FROM dossier d LEFT JOIN imported_dossier i USING (code)
WHERE d.code = ANY(%(codes)s)
"""
ADD_DOSSIERS = """
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at,
                     completed_at, closed_at, state, full_name, email, phone, identity_number, address, version)
SELECT code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at, completed_at,
       closed_at, state, full_name, email, phone, identity_number, address, version
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(code text, unit text, procedure_code text, procedure_version integer,
    channel text, status smallint, filed_at timestamptz, accepted_at timestamptz, due_at timestamptz,
    completed_at timestamptz, closed_at timestamptz, state jsonb, full_name text, email text, phone text,
    identity_number text, address text, version integer)
"""
SAVE_DOSSIERS = """
UPDATE dossier d SET status = r.status, accepted_at = r.accepted_at, due_at = r.due_at, completed_at = r.completed_at,
    closed_at = r.closed_at, state = r.state, version = r.version
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(code text, status smallint, accepted_at timestamptz, due_at timestamptz,
    completed_at timestamptz, closed_at timestamptz, state jsonb, version integer)
WHERE d.code = r.code
"""
NOTE_SOURCE = """
INSERT INTO imported_dossier AS i (source, source_code, code, acts, import)
SELECT %(source)s, r.source_code, r.code, r.acts, %(id)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(source_code text, code text, acts text[])
ON CONFLICT (source, source_code) DO UPDATE SET acts = excluded.acts, import = excluded.import
"""


@dataclasses.dataclass
class Run:
    """An import: how far it is, and what became of its lines."""

    id: int
    source: str
    state: str
    requested_by: str
    started_at: datetime.datetime
    touched_at: datetime.datetime
    finished_at: datetime.datetime | None
    lines: int
    offset_bytes: int
    prefix_sha256: str
    added: int
    extended: int
    unchanged: int
    bad: int

    @property
    def good(self) -> int:
        """Lines whose dossier is kept as they say."""
        return self.added + self.extended + self.unchanged


def add_run(tx: Tx, source: str, key: str | None, empty_sha256: str) -> Run:
    """A new import of the caller; with a key that the caller used before, that import."""
    values = {"source": source, "requested_by": context.current().caller.subject, "key": key, "empty": empty_sha256}
    return Run(*tx.exec_driver_sql(ADD_RUN, values).one())


def get_run(tx: Tx, id: int) -> Run | None:
    """An import by its number."""
    row = tx.exec_driver_sql(f"SELECT {COLUMNS} FROM import_run WHERE id = %(id)s", {"id": id}).first()
    return Run(*row) if row else None


def open_runs(tx: Tx, source: str) -> list[Run]:
    """The imports of a source that have not come to their end, the newest first; at most a hundred."""
    text = (
        f"SELECT {COLUMNS} FROM import_run WHERE source = %(source)s AND state <> 'finished' ORDER BY id DESC LIMIT 100"
    )
    return [Run(*row) for row in tx.exec_driver_sql(text, {"source": source})]


def lock_run(tx: Tx, id: int) -> bool:
    """Hold an import for this session, whatever it commits; False where another session holds it."""
    return bool(tx.exec_driver_sql(LOCK_RUN, {"id": str(id)}).scalar_one())


def unlock_run(tx: Tx, id: int) -> None:
    """Let an import go."""
    tx.exec_driver_sql(UNLOCK_RUN, {"id": str(id)})


def lock_source(tx: Tx, source: str) -> None:
    """Batches of one source go one after the other, until commit: what one has read, another does not change."""
    tx.exec_driver_sql(LOCK_SOURCE, {"source": source})


def move(tx: Tx, run: Run, counts: dict[str, int]) -> None:
    """Note how far an import is, and what became of the lines since."""
    place = {"id": run.id, "lines": run.lines, "offset_bytes": run.offset_bytes, "prefix_sha256": run.prefix_sha256}
    tx.exec_driver_sql(MOVE, place | counts)


def end(tx: Tx, run: Run, state: str) -> None:
    """Note that an import is finished, or interrupted."""
    tx.exec_driver_sql(END, {"id": run.id, "state": state})


def add_errors(tx: Tx, run: Run, errors: Iterable[tuple[int, Sequence[tuple[str, str]]]]) -> None:
    """Keep what is wrong with lines: (line, its (field, rule)s)."""
    rows = [
        {"line": line, "number": number, "field": field[:300], "rule": rule[:1000]}
        for line, wrong in errors
        for number, (field, rule) in enumerate(wrong, 1)
    ]
    if rows:
        tx.exec_driver_sql(ADD_ERRORS, {"id": run.id, "errors": json.dumps(rows, ensure_ascii=False)})


def errors(tx: Tx, id: int, after: Sequence[int], limit: int) -> list[Any]:
    """What is wrong with the lines of an import, from `after` = [line, number] on."""
    text = """
        SELECT line, number, field, rule FROM import_error
        WHERE import = %(id)s AND (line, number) > (%(line)s, %(number)s) ORDER BY line, number LIMIT %(limit)s
        """
    return list(tx.exec_driver_sql(text, {"id": id, "line": after[0], "number": after[1], "limit": limit}))


def known(tx: Tx, source: str, source_codes: Sequence[str]) -> dict[str, Any]:
    """What was imported from a source, by its code there."""
    rows = tx.exec_driver_sql(KNOWN, {"source": source, "source_codes": list(source_codes)})
    return {row.source_code: row for row in rows}


def code_of(tx: Tx, source: str, source_code: str) -> str:
    """The code of the dossier that came from a line of a system; empty, which no dossier has, where none did."""
    text = "SELECT code FROM imported_dossier WHERE source = %(source)s AND source_code = %(source_code)s"
    row = tx.exec_driver_sql(text, {"source": source, "source_code": source_code}).first()
    return str(row.code) if row else ""


def taken(tx: Tx, codes: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """The dossier codes that are in use, with the source and the code there of those that were imported."""
    rows = tx.exec_driver_sql(TAKEN, {"codes": list(codes)}) if codes else ()
    return {row.code: (row.source, row.source_code) for row in rows}


States = dict[str, dict[str, Any]]
"""Dossiers as JSON values, by code."""


def add_dossiers(tx: Tx, records: Sequence[Record], states: States) -> None:
    """Store new dossiers."""
    own = [
        _columns(each, states)
        | vars(each.person)
        | {
            "unit": each.dossier.unit,
            "procedure_code": each.dossier.terms.procedure,
            "procedure_version": each.procedure_version,
            "channel": each.dossier.channel.value,
            "filed_at": each.dossier.filed_at.isoformat(),
        }
        for each in records
    ]
    if own:
        tx.exec_driver_sql(ADD_DOSSIERS, {"rows": json.dumps(own, ensure_ascii=False)})


def save_dossiers(tx: Tx, records: Sequence[Record], states: States) -> None:
    """Store changed dossiers, read with `lock`."""
    if records:
        rows = [_columns(each, states) for each in records]
        tx.exec_driver_sql(SAVE_DOSSIERS, {"rows": json.dumps(rows, ensure_ascii=False)})


def _columns(record: Record, states: States) -> dict[str, Any]:
    dossier = record.dossier
    moments = {name: getattr(dossier, name) for name in ("accepted_at", "due_at", "completed_at", "closed_at")}
    columns: dict[str, Any] = {name: at and at.isoformat() for name, at in moments.items()}
    return columns | {
        "code": dossier.code,
        "status": int(dossier.status),
        "state": states[dossier.code],
        "version": record.version,
    }


def note_sources(tx: Tx, run: Run, rows: Sequence[dict[str, Any]]) -> None:
    """Note which dossiers came from where: `source_code`, `code` and the digests of their `acts`."""
    if rows:
        values = {"source": run.source, "id": run.id, "rows": json.dumps(rows, ensure_ascii=False)}
        tx.exec_driver_sql(NOTE_SOURCE, values)

"""SQL of the files of dossiers."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from chassis.database import Tx, Writer
from dossier.files import Draft

COLUMNS = "id::text, code, name, kind, media_type, size_bytes, sha256, added_at, added_by"
THERE = "kept_at IS NOT NULL AND removed_at IS NULL"
ANNOUNCE = """
INSERT INTO dossier_file (id, code, name, kind, media_type, size_bytes, sha256, added_at, added_by, kept_at)
VALUES (%(id)s, %(code)s, %(name)s, %(kind)s, %(media_type)s, %(size_bytes)s, %(sha256)s, %(added_at)s, %(added_by)s, NULL)
"""
KEPT = "UPDATE dossier_file SET kept_at = now() WHERE id = %(id)s AND kept_at IS NULL RETURNING id"
LIST = f"SELECT {COLUMNS} FROM dossier_file WHERE code = %(code)s AND {THERE} ORDER BY id"
GET = f"SELECT {COLUMNS} FROM dossier_file WHERE code = %(code)s AND id::text = %(id)s AND {THERE}"
SAME = f"""
SELECT {COLUMNS} FROM dossier_file
WHERE code = %(code)s AND sha256 = %(sha256)s AND name = %(name)s AND kind = %(kind)s AND {THERE} LIMIT 1
"""
REMOVE = f"""
UPDATE dossier_file SET removed_at = %(at)s, removed_by = %(by)s
WHERE code = %(code)s AND id::text = %(id)s AND {THERE} RETURNING sha256
"""
# What is on its way for an hour was cut off. It can no longer be kept, so that nobody's bytes are taken from him.
GIVE_UP = """
UPDATE dossier_file SET kept_at = now(), removed_at = now(), removed_by = 'dossier'
WHERE kept_at IS NULL AND added_at < now() - interval '1 hour'
"""
TO_GO = "SELECT id::text FROM dossier_file WHERE removed_at IS NOT NULL AND gone_at IS NULL LIMIT 100"
GONE = "UPDATE dossier_file SET gone_at = now() WHERE id::text = ANY(%(ids)s) AND gone_at IS NULL"


class CutOff(LookupError):
    """The bytes took longer than an hour, and were given up."""


def announce(
    tx: Writer, file_id: str, code: str, name: str, kind: str, draft: Draft, at: datetime.datetime, by: str
) -> None:
    """Remember a file whose bytes are about to be kept; commit before they are."""
    values = {"id": file_id, "code": code, "name": name, "kind": kind, "added_at": at, "added_by": by}
    own = {"media_type": draft.media_type, "size_bytes": draft.size_bytes, "sha256": draft.sha256}
    tx.exec_driver_sql(ANNOUNCE, values | own)


def kept(tx: Tx, file_id: str) -> None:
    """Its bytes are kept: from the commit on the file is there. Raises CutOff."""
    if tx.exec_driver_sql(KEPT, {"id": file_id}).first() is None:
        raise CutOff(file_id)


def count(tx: Tx, code: str) -> int:
    """How many files a dossier has."""
    query = f"SELECT count(*) FROM dossier_file WHERE code = %(code)s AND {THERE}"
    return int(tx.exec_driver_sql(query, {"code": code}).scalar_one())


def of_dossier(tx: Tx, code: str) -> list[Any]:
    """The files of a dossier in the order in which they came."""
    return list(tx.exec_driver_sql(LIST, {"code": code}))


def get(tx: Tx, code: str, file_id: str) -> Any | None:
    """One file of a dossier."""
    return tx.exec_driver_sql(GET, {"code": code, "id": file_id}).first()


def same(tx: Tx, code: str, name: str, kind: str, sha256: str) -> Any | None:
    """The very same file, when the dossier has it already."""
    return tx.exec_driver_sql(SAME, {"code": code, "name": name, "kind": kind, "sha256": sha256}).first()


def remove(tx: Tx, code: str, file_id: str, at: datetime.datetime, by: str) -> str | None:
    """Mark a file as removed; its hash, or None where there is no such file."""
    sha256: str | None = tx.exec_driver_sql(REMOVE, {"code": code, "id": file_id, "at": at, "by": by}).scalar()
    return sha256


def to_go(tx: Tx) -> list[str]:
    """Files whose bytes are to leave the store, after those that were cut off have been given up."""
    tx.exec_driver_sql(GIVE_UP)
    return list(tx.exec_driver_sql(TO_GO).scalars())


def gone(tx: Writer, ids: Sequence[str]) -> None:
    """Their bytes are no longer there."""
    tx.exec_driver_sql(GONE, {"ids": list(ids)})

"""SQL of the files of dossiers."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.database import Tx
from dossier.files import Draft

COLUMNS = "id::text, code, name, kind, media_type, size_bytes, sha256, added_at, added_by"
ADD = """
INSERT INTO dossier_file (id, code, name, kind, media_type, size_bytes, sha256, added_at, added_by)
VALUES (%(id)s, %(code)s, %(name)s, %(kind)s, %(media_type)s, %(size_bytes)s, %(sha256)s, %(added_at)s, %(added_by)s)
"""
LIST = f"SELECT {COLUMNS} FROM dossier_file WHERE code = %(code)s AND removed_at IS NULL ORDER BY id"
GET = f"SELECT {COLUMNS} FROM dossier_file WHERE code = %(code)s AND id::text = %(id)s AND removed_at IS NULL"
SAME = f"""
SELECT {COLUMNS} FROM dossier_file
WHERE code = %(code)s AND sha256 = %(sha256)s AND name = %(name)s AND kind = %(kind)s AND removed_at IS NULL LIMIT 1
"""
REMOVE = """
UPDATE dossier_file SET removed_at = %(at)s, removed_by = %(by)s
WHERE code = %(code)s AND id::text = %(id)s AND removed_at IS NULL RETURNING sha256
"""


def add(tx: Tx, file_id: str, code: str, name: str, kind: str, draft: Draft, at: datetime.datetime, by: str) -> None:
    """Remember a file whose bytes are kept."""
    values = {"id": file_id, "code": code, "name": name, "kind": kind, "added_at": at, "added_by": by}
    own = {"media_type": draft.media_type, "size_bytes": draft.size_bytes, "sha256": draft.sha256}
    tx.exec_driver_sql(ADD, values | own)


def count(tx: Tx, code: str) -> int:
    """How many files a dossier has."""
    query = "SELECT count(*) FROM dossier_file WHERE code = %(code)s AND removed_at IS NULL"
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

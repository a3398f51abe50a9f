"""The portal's codes for ours, which ops enter and take out; every change is audited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis import audit
from chassis.database import Tx
from chassis.problems import Problem
from dossier.domain.dossiers import Channel
from dossier.domain.status import Status

COLUMNS = "kind, ours, theirs, changed_at, changed_by"
LIST = f"SELECT {COLUMNS} FROM portal_mapping WHERE (kind, ours) > (%(kind)s, %(ours)s) ORDER BY kind, ours LIMIT %(limit)s"
PUT = f"""
INSERT INTO portal_mapping (kind, ours, theirs, changed_by) VALUES (%(kind)s, %(ours)s, %(theirs)s, %(by)s)
ON CONFLICT (kind, ours) DO UPDATE
SET theirs = excluded.theirs, changed_at = now(), changed_by = excluded.changed_by RETURNING {COLUMNS}
"""
REMOVE = "DELETE FROM portal_mapping WHERE (kind, ours) = (%(kind)s, %(ours)s) RETURNING theirs"
KNOWN = {
    "procedure": "SELECT 1 FROM procedure WHERE code = %(ours)s LIMIT 1",
    "agency": "SELECT 1 FROM unit WHERE code = %(ours)s",
}
FIXED = {
    "status": {str(int(status)) for status in Status},
    "channel": {channel.value for channel in Channel},
    "applicant": {"citizen"},
}


def listed(tx: Tx, after: Sequence[Any], limit: int) -> list[Any]:
    """Codes after (kind, ours). Raises Problem 422 for a cursor of another list."""
    if len(after) != 2 or not all(isinstance(part, str) for part in after):
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor that was handed out"}])
    return list(tx.exec_driver_sql(LIST, {"kind": after[0], "ours": after[1], "limit": limit}))


def put(tx: Tx, kind: str, ours: str, theirs: str, by: str) -> Any:
    """Enter a code. Raises Problem 404 where we have no such code."""
    if not _ours(tx, kind, ours):
        raise Problem(404, "Not found", f"Không có mã {kind} {ours}", code="no-such-code")
    row = tx.exec_driver_sql(PUT, {"kind": kind, "ours": ours, "theirs": theirs, "by": by}).one()
    audit.record(tx, "portal.map", f"portal-mapping/{kind}/{ours}", None, theirs)
    return row


def remove(tx: Tx, kind: str, ours: str) -> None:
    """Take a code out. Raises Problem 404."""
    theirs = tx.exec_driver_sql(REMOVE, {"kind": kind, "ours": ours}).scalar()
    if theirs is None:
        raise Problem(404, "Not found", f"Không có mã {kind} {ours}", code="no-such-mapping")
    audit.record(tx, "portal.unmap", f"portal-mapping/{kind}/{ours}", theirs, None)


def _ours(tx: Tx, kind: str, ours: str) -> bool:
    if query := KNOWN.get(kind):
        return tx.exec_driver_sql(query, {"ours": ours}).first() is not None
    return ours in FIXED.get(kind, set())

"""SQL of pictures and clips: reserved, kept, and one day deleted."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.database import Tx

COLUMNS = """id::text, camera_id::text AS camera, kind, class, event_id::text, taken_at, taken_by, media_type, size_bytes, sha256,
       state, expires_at, deleted_at, proof"""
RESERVE = """
INSERT INTO recording (id, camera_id, kind, class, event_id, taken_at, taken_by, media_type, state, expires_at)
VALUES (%(id)s, %(camera_id)s, %(kind)s, %(class)s, %(event_id)s, %(taken_at)s, %(taken_by)s, %(media_type)s, 'reserved',
        %(taken_at)s + make_interval(secs => %(keep_s)s))
"""
KEPT = f"""
UPDATE recording SET state = 'kept', size_bytes = %(size_bytes)s, sha256 = %(sha256)s
WHERE id = %(id)s AND state = 'reserved' RETURNING {COLUMNS}
"""
LOST = "UPDATE recording SET state = 'lost' WHERE id = %(id)s AND state = 'reserved'"
GET = f"SELECT {COLUMNS} FROM recording WHERE id = %(id)s AND camera_id = %(camera_id)s"
LIST = f"""
SELECT {COLUMNS} FROM recording
WHERE camera_id = %(camera_id)s AND id > %(after)s AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s::uuid)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY id LIMIT %(limit)s
"""
# What was reserved and never kept may have left bytes all the same: it is deleted like the rest.
EXPIRED = """
SELECT id::text, camera_id::text AS camera, sha256, class, expires_at FROM recording
WHERE expires_at <= now() AND state <> 'deleted' ORDER BY expires_at LIMIT %(limit)s
"""
DELETED = """
UPDATE recording SET state = 'deleted', deleted_at = now(), proof = %(proof)s WHERE id = %(id)s AND state <> 'deleted'
RETURNING id
"""
FORSAKEN = "UPDATE recording SET state = 'lost' WHERE state = 'reserved' AND taken_at < now() - interval '1 hour'"


def reserve(
    tx: Tx,
    recording_id: str,
    camera_id: str,
    *,
    kind: str,
    kept_as: str,
    event_id: str | None,
    taken_at: datetime.datetime,
    taken_by: str,
    media_type: str,
    keep_s: float,
) -> None:
    """Say that a picture or clip is coming, before its bytes are put anywhere."""
    values = {"id": recording_id, "camera_id": camera_id, "kind": kind, "class": kept_as, "event_id": event_id}
    own = {"taken_at": taken_at, "taken_by": taken_by, "media_type": media_type, "keep_s": keep_s}
    tx.exec_driver_sql(RESERVE, values | own)


def kept(tx: Tx, recording_id: str, size_bytes: int, sha256: str) -> Any | None:
    """The bytes are in the store; the row, or None when it was not waiting for them."""
    values = {"id": recording_id, "size_bytes": size_bytes, "sha256": sha256}
    return tx.exec_driver_sql(KEPT, values).first()


def lost(tx: Tx, recording_id: str) -> None:
    """There are no bytes, and there will be none."""
    tx.exec_driver_sql(LOST, {"id": recording_id})


def get(tx: Tx, camera_id: str, recording_id: str) -> Any | None:
    """One picture or clip of a camera, deleted ones too."""
    return tx.exec_driver_sql(GET, {"id": recording_id, "camera_id": camera_id}).first()


def of_camera(tx: Tx, camera_id: str, event_id: str | None, kind: str | None, after: str, limit: int) -> list[Any]:
    """Pictures and clips of a camera in the order in which they were taken."""
    values = {"camera_id": camera_id, "event_id": event_id, "kind": kind, "after": after, "limit": limit}
    return list(tx.exec_driver_sql(LIST, values))


def expired(tx: Tx, limit: int) -> list[Any]:
    """What is to be deleted."""
    tx.exec_driver_sql(FORSAKEN)
    return list(tx.exec_driver_sql(EXPIRED, {"limit": limit}))


def deleted(tx: Tx, recording_id: str, proof: str) -> bool:
    """The object is gone; False when somebody else has noted that already."""
    return tx.exec_driver_sql(DELETED, {"id": recording_id, "proof": proof}).first() is not None

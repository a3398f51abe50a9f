"""SQL of who looked at which living picture, and how long."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis.database import Tx

COLUMNS = "id::text, camera_id::text AS camera, viewer, granted_at, expires_at, began_at, last_seen_at"
GRANT = """
INSERT INTO viewing (id, camera_id, viewer, granted_at, expires_at)
VALUES (%(id)s, %(camera_id)s, %(viewer)s, %(granted_at)s, %(expires_at)s)
"""
SEE = """
UPDATE viewing SET began_at = coalesce(began_at, now()), last_seen_at = now() WHERE id = %(id)s RETURNING began_at = now() AS began
"""
LIST = f"SELECT {COLUMNS} FROM viewing WHERE camera_id = %(camera_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s"


def grant(tx: Tx, view_id: str, camera_id: str, viewer: str, granted_at: datetime, expires_at: datetime) -> None:
    """Somebody may look."""
    values = {"id": view_id, "camera_id": camera_id, "viewer": viewer}
    tx.exec_driver_sql(GRANT, values | {"granted_at": granted_at, "expires_at": expires_at})


def see(tx: Tx, view_id: str) -> bool:
    """Somebody looks now; True the first time."""
    row = tx.exec_driver_sql(SEE, {"id": view_id}).first()
    return bool(row and row.began)


def of_camera(tx: Tx, camera_id: str, after: str, limit: int) -> list[Any]:
    """Who looked at a camera, in the order of the grants."""
    return list(tx.exec_driver_sql(LIST, {"camera_id": camera_id, "after": after, "limit": limit}))

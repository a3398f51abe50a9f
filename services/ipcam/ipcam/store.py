"""All SQL of ipcam."""

from __future__ import annotations

import json
from typing import Any

from cattrs.preconf.json import make_converter

from chassis.database import Tx
from ipcam.domain.health import Health

CONVERTER = make_converter(omit_if_default=True)

ADD = """
INSERT INTO camera (id, site, name, placement, rtsp_url, credentials, health)
VALUES (%(id)s, %(site)s, %(name)s, %(placement)s, %(rtsp_url)s, %(credentials)s, '{}')
ON CONFLICT (site, name) DO NOTHING RETURNING id
"""
COLUMNS = "id::text, site, name, placement, rtsp_url, status, reason, since, probed_at, seen"
GET = f"SELECT {COLUMNS} FROM camera WHERE id = %(id)s"
LIST = f"""
SELECT {COLUMNS} FROM camera
WHERE (%(site)s IS NULL OR site = %(site)s) AND (%(status)s IS NULL OR status = %(status)s) AND id > %(after)s
ORDER BY id LIMIT %(limit)s
"""
CLAIM = """
UPDATE camera SET next_probe_at = now() + make_interval(secs => %(every_s)s)
WHERE id IN (SELECT id FROM camera WHERE next_probe_at <= now() ORDER BY next_probe_at LIMIT %(limit)s
             FOR UPDATE SKIP LOCKED)
RETURNING id::text, site, rtsp_url, credentials
"""
LOCK = "SELECT health FROM camera WHERE id = %(id)s FOR UPDATE"
RECORD = """
UPDATE camera SET health = %(health)s, status = %(status)s, reason = %(reason)s, since = %(since)s,
    seen = coalesce(%(seen)s, seen), probed_at = now()
WHERE id = %(id)s
"""
NO_CAMERA = "00000000-0000-0000-0000-000000000000"


class CameraExists(ValueError):
    """The site has a camera of this name."""


class NoSuchCamera(LookupError):
    """No camera has this id."""


def add_camera(tx: Tx, camera: dict[str, Any]) -> None:
    """Store a new camera; it is probed at once. Raises CameraExists."""
    if tx.exec_driver_sql(ADD, camera).first() is None:
        raise CameraExists(camera["name"])


def get_camera(tx: Tx, camera_id: str) -> Any:
    """One camera. Raises NoSuchCamera."""
    row = tx.exec_driver_sql(GET, {"id": camera_id}).first()
    if row is None:
        raise NoSuchCamera(camera_id)
    return row


def list_cameras(tx: Tx, site: str | None, status: str | None, after: str, limit: int) -> list[Any]:
    """Cameras in a stable order."""
    values = {"site": site, "status": status, "after": after, "limit": limit}
    return list(tx.exec_driver_sql(LIST, values))


def claim_due(tx: Tx, every_s: float, limit: int) -> list[Any]:
    """Reserve cameras whose next probe is due; no two probers get the same one."""
    return list(tx.exec_driver_sql(CLAIM, {"every_s": every_s, "limit": limit}))


def lock_health(tx: Tx, camera_id: str) -> Health | None:
    """What is believed of a camera, locked until commit; None when it was removed meanwhile."""
    row = tx.exec_driver_sql(LOCK, {"id": camera_id}).first()
    return None if row is None else CONVERTER.structure(row.health, Health)


def record_health(tx: Tx, camera_id: str, health: Health, seen: dict[str, Any] | None) -> None:
    """Keep what is believed now, and what the stream looks like where it answered."""
    values = {
        "id": camera_id,
        "health": json.dumps(CONVERTER.unstructure(health)),
        "status": health.status,
        "reason": health.reason,
        "since": health.since,
        "seen": json.dumps(seen) if seen else None,
    }
    tx.exec_driver_sql(RECORD, values)

"""SQL of the registry: sites, cameras, maintenance, and the history as it is read."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from chassis.database import Tx

# A caller sees the sites of its unit and of the units below: the code of a unit begins with that of the one above it
# (QĐ 20/2020/QĐ-TTg). `*` sees all; no unit sees none.
SEEN = "(%(unit)s::text = '*' OR s.unit = %(unit)s OR starts_with(s.unit, %(unit)s || '.'))"

SITE_COLUMNS = """s.code, s.name, s.unit, s.operator_name, s.operator_email, s.version,
       (SELECT count(*) FROM camera c WHERE c.site = s.code AND c.removed_at IS NULL) AS cameras"""
ADD_SITE = """
INSERT INTO site (code, name, unit, operator_name, operator_email)
VALUES (%(code)s, %(name)s, %(unit)s, %(operator_name)s, %(operator_email)s) ON CONFLICT (code) DO NOTHING RETURNING code
"""
GET_SITE = f"SELECT {SITE_COLUMNS} FROM site s WHERE s.code = %(code)s AND s.removed_at IS NULL AND {SEEN}"
LIST_SITES = f"""
SELECT {SITE_COLUMNS} FROM site s WHERE s.removed_at IS NULL AND {SEEN} AND s.code > %(after)s
ORDER BY s.code LIMIT %(limit)s
"""
CHANGE_SITE = """
UPDATE site SET name = %(name)s, unit = %(unit)s, operator_name = %(operator_name)s, operator_email = %(operator_email)s,
    version = version + 1
WHERE code = %(code)s
"""
LOCK_SITE = "SELECT version FROM site WHERE code = %(code)s AND removed_at IS NULL FOR UPDATE"

ADD = """
INSERT INTO camera (id, site, name, placement, rtsp_url, sub_url, onvif_url, transport, credentials, motion, forbidden_areas, seen, health)
VALUES (%(id)s, %(site)s, %(name)s, %(placement)s, %(rtsp_url)s, %(sub_url)s, %(onvif_url)s, %(transport)s,
        %(credentials)s, %(motion)s, %(forbidden_areas)s, %(seen)s, '{}')
ON CONFLICT (site, name) WHERE removed_at IS NULL DO NOTHING RETURNING id
"""
ADD_LEASE = "INSERT INTO camera_lease (camera_id, epoch, expires_at) VALUES (%(id)s, 0, now())"
COLUMNS = """c.id::text, c.site, c.name, c.placement, c.rtsp_url, c.sub_url, c.onvif_url, c.transport, c.motion, c.forbidden_areas, c.status,
       c.reason, c.since, c.faults, c.moving, c.persons, c.probed_at, c.seen, c.version, s.unit, s.name AS site_name,
       c.credentials IS NOT NULL AS has_credentials"""
FROM = f"FROM camera c JOIN site s ON s.code = c.site WHERE c.removed_at IS NULL AND {SEEN}"
GET = f"SELECT {COLUMNS} {FROM} AND c.id = %(id)s"
SECRET = f"SELECT {COLUMNS}, c.credentials {FROM} AND c.id = %(id)s"
LOCK = f"SELECT {COLUMNS} {FROM} AND c.id = %(id)s FOR UPDATE OF c"
LIST = f"""
SELECT {COLUMNS} {FROM} AND (%(site)s::text IS NULL OR c.site = %(site)s) AND (%(status)s::text IS NULL OR c.status = %(status)s)
  AND (%(fault)s::text IS NULL OR c.faults ? %(fault)s) AND c.id > %(after)s
ORDER BY c.id LIMIT %(limit)s
"""
CHANGE = """
UPDATE camera SET name = %(name)s, placement = %(placement)s, rtsp_url = %(rtsp_url)s, sub_url = %(sub_url)s,
    onvif_url = %(onvif_url)s, transport = %(transport)s, motion = %(motion)s, forbidden_areas = %(forbidden_areas)s, version = version + 1,
    credentials = CASE WHEN %(new_credentials)s THEN %(credentials)s ELSE credentials END
WHERE id = %(id)s
"""
TAKEN = """
SELECT 1 FROM camera WHERE site = %(site)s AND name = %(name)s AND id <> %(id)s AND removed_at IS NULL
"""
FIND = "SELECT id::text, credentials FROM camera WHERE site = %(site)s AND name = %(name)s AND removed_at IS NULL"
BY_ONVIF = f"SELECT c.onvif_url, c.id::text {FROM} AND c.onvif_url = ANY(%(urls)s)"
REMOVE = "UPDATE camera SET removed_at = now(), version = version + 1 WHERE id = %(id)s"
FORGET = (
    "DELETE FROM camera_lease WHERE camera_id = %(id)s",
    "DELETE FROM camera_reference WHERE camera_id = %(id)s",
    "DELETE FROM camera_thumbnail WHERE camera_id = %(id)s",
)
# Watchers lock the lease, then the camera: whoever wants both takes them in this order.
LOCK_LEASE = "SELECT 1 FROM camera_lease WHERE camera_id = %(id)s FOR UPDATE"
RELEARN = "UPDATE camera SET relearn = relearn + 1 WHERE id = %(id)s"
WATCHED_BY = "SELECT worker, epoch, expires_at > now() AS held FROM camera_lease WHERE camera_id = %(id)s"
LINES = """
SELECT id, kind, at, since, event_id::text, worker, epoch, planned, data FROM camera_line
WHERE camera_id = %(id)s AND id < %(before)s AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s::text[]))
ORDER BY id DESC LIMIT %(limit)s
"""
THUMBNAILS = """
SELECT c.id::text, c.name, c.status, c.reason, c.faults, t.at, t.jpeg FROM camera c
LEFT JOIN camera_thumbnail t ON t.camera_id = c.id
WHERE c.site = %(site)s AND c.removed_at IS NULL ORDER BY c.name LIMIT %(limit)s
"""

MAINTENANCE_COLUMNS = """m.id::text, m.site, m.camera_id::text AS camera, m.starts_at, m.ends_at, m.reason, m.planned_by, m.cancelled_at,
       m.version"""
PLAN = """
INSERT INTO maintenance (id, site, camera_id, starts_at, ends_at, reason, planned_by)
VALUES (%(id)s, %(site)s, %(camera)s, %(starts_at)s, %(ends_at)s, %(reason)s, %(planned_by)s)
"""
GET_MAINTENANCE = f"""
SELECT {MAINTENANCE_COLUMNS} FROM maintenance m JOIN site s ON s.code = m.site WHERE m.id = %(id)s AND {SEEN}
"""
LIST_MAINTENANCE = f"""
SELECT {MAINTENANCE_COLUMNS} FROM maintenance m JOIN site s ON s.code = m.site
WHERE {SEEN} AND (%(site)s::text IS NULL OR m.site = %(site)s) AND m.ends_at > %(ends_after)s AND m.id > %(after)s
ORDER BY m.id LIMIT %(limit)s
"""
CANCEL = """
UPDATE maintenance SET cancelled_at = now(), version = version + 1
WHERE id = %(id)s AND cancelled_at IS NULL AND ends_at > now() RETURNING id
"""
AREAS = ("motion", "forbidden_areas")
NO_CAMERA = "00000000-0000-0000-0000-000000000000"
LAST_LINE = 2**62


class CameraExists(ValueError):
    """The site has a camera of this name."""


class NoSuchCamera(LookupError):
    """No camera that the caller may see has this id."""


class NoSuchSite(LookupError):
    """No site that the caller may see has this code."""


class UnknownSite(ValueError):
    """A camera names a site that is not there, or not the caller's."""


class SiteExists(ValueError):
    """The code is taken."""


class NoSuchMaintenance(LookupError):
    """No maintenance that the caller may see has this id, or it is over."""


def add_site(tx: Tx, site: Mapping[str, Any]) -> None:
    """Store a new site. Raises SiteExists."""
    if tx.exec_driver_sql(ADD_SITE, dict(site)).first() is None:
        raise SiteExists(site["code"])


def get_site(tx: Tx, code: str, unit: str | None) -> Any:
    """One site. Raises NoSuchSite."""
    row = tx.exec_driver_sql(GET_SITE, {"code": code, "unit": unit or ""}).first()
    if row is None:
        raise NoSuchSite(code)
    return row


def lock_site(tx: Tx, code: str, unit: str | None) -> Any:
    """One site, locked until commit. Raises NoSuchSite."""
    tx.exec_driver_sql(LOCK_SITE, {"code": code})
    return get_site(tx, code, unit)


def list_sites(tx: Tx, unit: str | None, after: str, limit: int) -> list[Any]:
    """Sites in the order of their codes."""
    return list(tx.exec_driver_sql(LIST_SITES, {"unit": unit or "", "after": after, "limit": limit}))


def change_site(tx: Tx, site: Mapping[str, Any]) -> None:
    """Keep what a site is now."""
    tx.exec_driver_sql(CHANGE_SITE, dict(site))


def add_camera(tx: Tx, camera: Mapping[str, Any]) -> None:
    """Store a new camera; a watcher takes it within seconds. Raises CameraExists."""
    values = dict(camera) | {name: _json(camera[name]) for name in (*AREAS, "seen")}
    if tx.exec_driver_sql(ADD, values).first() is None:
        raise CameraExists(camera["name"])
    tx.exec_driver_sql(ADD_LEASE, {"id": camera["id"]})


def get_camera(tx: Tx, camera_id: str, unit: str | None) -> Any:
    """One camera, without its credentials. Raises NoSuchCamera."""
    return _one(tx, GET, camera_id, unit)


def get_secret_camera(tx: Tx, camera_id: str, unit: str | None) -> Any:
    """One camera with its credentials, encrypted, for who connects to it. Raises NoSuchCamera."""
    return _one(tx, SECRET, camera_id, unit)


def find_camera(tx: Tx, site: str, name: str) -> Any | None:
    """The id and the encrypted credentials of the site's camera of this name."""
    return tx.exec_driver_sql(FIND, {"site": site, "name": name}).first()


def cameras_by_onvif(tx: Tx, unit: str | None, urls: list[str]) -> dict[str, str]:
    """ONVIF address → camera, of those that are registered."""
    rows = tx.exec_driver_sql(BY_ONVIF, {"unit": unit or "", "urls": urls})
    return {row.onvif_url: row.id for row in rows}


def lock_camera(tx: Tx, camera_id: str, unit: str | None) -> Any:
    """One camera, locked until commit. Raises NoSuchCamera."""
    return _one(tx, LOCK, camera_id, unit)


def _one(tx: Tx, query: str, camera_id: str, unit: str | None) -> Any:
    row = tx.exec_driver_sql(query, {"id": camera_id, "unit": unit or ""}).first()
    if row is None:
        raise NoSuchCamera(camera_id)
    return row


def lock_for_removal(tx: Tx, camera_id: str, unit: str | None) -> Any:
    """One camera and its lease, locked until commit. Raises NoSuchCamera."""
    tx.exec_driver_sql(LOCK_LEASE, {"id": camera_id})
    return lock_camera(tx, camera_id, unit)


def list_cameras(tx: Tx, unit: str | None, chosen: Mapping[str, Any], after: str, limit: int) -> list[Any]:
    """Cameras in a stable order; `chosen` has site, status and fault, or None for all."""
    values = dict(chosen) | {"unit": unit or "", "after": after, "limit": limit}
    return list(tx.exec_driver_sql(LIST, values))


def change_camera(tx: Tx, camera: Mapping[str, Any]) -> None:
    """Keep what a camera is now. Raises CameraExists."""
    if tx.exec_driver_sql(TAKEN, dict(camera)).first() is not None:
        raise CameraExists(camera["name"])
    tx.exec_driver_sql(CHANGE, dict(camera) | {name: _json(camera[name]) for name in AREAS})


def remove_camera(tx: Tx, camera_id: str) -> None:
    """Take a camera out of the registry: who watches it stops; its history, pictures and clips stay for their time."""
    for statement in (REMOVE, *FORGET):
        tx.exec_driver_sql(statement, {"id": camera_id})


def relearn(tx: Tx, camera_id: str) -> None:
    """What the camera usually shows is learned anew."""
    tx.exec_driver_sql(RELEARN, {"id": camera_id})


def watched_by(tx: Tx, camera_id: str) -> Any | None:
    """Who holds the camera's lease."""
    return tx.exec_driver_sql(WATCHED_BY, {"id": camera_id}).first()


def lines(tx: Tx, camera_id: str, kinds: list[str] | None, before: int, limit: int) -> list[Any]:
    """The history, newest first."""
    return list(tx.exec_driver_sql(LINES, {"id": camera_id, "kinds": kinds, "before": before, "limit": limit}))


def thumbnails(tx: Tx, site: str, limit: int) -> list[Any]:
    """The newest small pictures of a site's cameras, by name."""
    return list(tx.exec_driver_sql(THUMBNAILS, {"site": site, "limit": limit}))


def plan_maintenance(tx: Tx, window: Mapping[str, Any]) -> None:
    """Store a planned outage."""
    tx.exec_driver_sql(PLAN, dict(window))


def get_maintenance(tx: Tx, window_id: str, unit: str | None) -> Any:
    """One planned outage. Raises NoSuchMaintenance."""
    row = tx.exec_driver_sql(GET_MAINTENANCE, {"id": window_id, "unit": unit or ""}).first()
    if row is None:
        raise NoSuchMaintenance(window_id)
    return row


def list_maintenance(
    tx: Tx, unit: str | None, site: str | None, ends_after: datetime.datetime, after: str, limit: int
) -> list[Any]:
    """Planned outages that end after a time."""
    values = {"unit": unit or "", "site": site, "ends_after": ends_after, "after": after, "limit": limit}
    return list(tx.exec_driver_sql(LIST_MAINTENANCE, values))


def cancel_maintenance(tx: Tx, window_id: str) -> None:
    """End a planned outage now. Raises NoSuchMaintenance when it is over."""
    if tx.exec_driver_sql(CANCEL, {"id": window_id}).first() is None:
        raise NoSuchMaintenance(window_id)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)

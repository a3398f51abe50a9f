"""SQL of the watchers: leases and their fences, what is believed of a camera, and the one history."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cattrs.preconf.json import make_converter

from chassis.database import Tx
from ipcam.domain.health import Health
from ipcam.domain.leases import Lease

CONVERTER = make_converter(omit_if_default=True)

CHECK_IN = """
INSERT INTO watcher (name, state) VALUES (%(name)s, %(state)s)
ON CONFLICT (name) DO UPDATE SET seen_at = now(), state = excluded.state
"""
WATCHERS = "SELECT name, started_at, seen_at, state, now() AS now FROM watcher ORDER BY name"
FORGET = "DELETE FROM watcher WHERE seen_at < now() - interval '1 day'"
LEASES = """
SELECT l.camera_id::text, l.worker, l.expires_at FROM camera_lease l JOIN camera c ON c.id = l.camera_id
WHERE c.removed_at IS NULL
"""
RELEASE = """
UPDATE camera_lease SET expires_at = now()
WHERE worker = %(me)s AND expires_at > now() AND camera_id = ANY(%(ids)s::uuid[])
"""
RENEW = """
UPDATE camera_lease SET expires_at = now() + make_interval(secs => %(lasts_s)s)
WHERE worker = %(me)s AND expires_at > now() AND camera_id = ANY(%(ids)s::uuid[])
RETURNING camera_id::text, epoch
"""
# SKIP LOCKED: what another watcher is just taking is left to it.
TAKE = """
WITH free AS (
    SELECT camera_id, worker AS former FROM camera_lease
    WHERE camera_id = ANY(%(ids)s::uuid[]) AND expires_at <= now() ORDER BY camera_id FOR UPDATE SKIP LOCKED
)
UPDATE camera_lease l SET worker = %(me)s, epoch = l.epoch + 1, expires_at = now() + make_interval(secs => %(lasts_s)s)
FROM free JOIN camera c ON c.id = free.camera_id WHERE l.camera_id = free.camera_id
RETURNING l.camera_id::text, l.epoch, free.former, c.site
"""
FENCE = """
SELECT 1 FROM camera_lease WHERE camera_id = %(camera_id)s AND worker = %(worker)s AND epoch = %(epoch)s
    AND expires_at > now() FOR UPDATE
"""
POSTS = """
SELECT c.id::text, c.site, c.name, s.name AS site_name, c.rtsp_url, c.sub_url, c.onvif_url, c.transport, c.credentials,
       c.motion, c.forbidden_areas, c.relearn, c.version, c.silenced
FROM camera c JOIN site s ON s.code = c.site WHERE c.id = ANY(%(ids)s::uuid[])
"""
BELIEVED = """
SELECT c.id::text, c.health, c.faults, c.moving, c.persons, r.reference, r.relearn AS learned
FROM camera c LEFT JOIN camera_reference r ON r.camera_id = c.id WHERE c.id = ANY(%(ids)s::uuid[])
"""
WINDOWS = """
SELECT site, camera_id::text, starts_at, ends_at, reason FROM maintenance
WHERE cancelled_at IS NULL AND ends_at > now() AND starts_at < now() + interval '1 minute'
"""
# What is stored already was told already: a commit whose answer was lost with the connection is not told a second time.
RECORD_HEALTH = """
UPDATE camera SET health = %(health)s, status = %(status)s, reason = %(reason)s, since = %(since)s, silenced = %(silenced)s
WHERE id = %(camera_id)s AND status <> %(status)s RETURNING id
"""
LASTING = ("faults", "moving", "persons")  # columns that hold name → since when
BEGIN = {
    column: f"""
UPDATE camera SET {column} = {column} || jsonb_build_object(%(name)s::text, %(since)s::text)
WHERE id = %(camera_id)s AND NOT {column} ? %(name)s RETURNING id
"""
    for column in LASTING
}
END = {
    column: f"UPDATE camera SET {column} = {column} - %(name)s::text WHERE id = %(camera_id)s AND {column} ? %(name)s RETURNING id"
    for column in LASTING
}
UNSILENCE = "UPDATE camera SET silenced = false WHERE id = %(camera_id)s"
ADD_LINE = """
INSERT INTO camera_line (camera_id, kind, at, since, event_id, worker, epoch, planned, data)
VALUES (%(camera_id)s, %(kind)s, %(at)s, %(since)s, %(event_id)s, %(worker)s, %(epoch)s, %(planned)s, %(data)s)
"""
# One statement for all cameras of a watcher; the leases are locked as in FENCE.
HELD = """
WITH held AS (
    SELECT l.camera_id, m.value FROM camera_lease l
    JOIN jsonb_to_recordset(%(rows)s::jsonb) AS m(camera_id uuid, epoch bigint, value jsonb)
      ON m.camera_id = l.camera_id AND m.epoch = l.epoch
    WHERE l.worker = %(worker)s AND l.expires_at > now() ORDER BY l.camera_id FOR SHARE OF l
)
"""
RECORD_SEEN = HELD + "UPDATE camera c SET seen = held.value, probed_at = now() FROM held WHERE c.id = held.camera_id"
KEEP_REFERENCE = """
INSERT INTO camera_reference (camera_id, reference, relearn) VALUES (%(camera_id)s, %(reference)s, %(relearn)s)
ON CONFLICT (camera_id) DO UPDATE SET reference = excluded.reference, relearn = excluded.relearn, kept_at = now()
"""
KEEP_THUMBNAILS = (
    HELD
    + """
INSERT INTO camera_thumbnail (camera_id, at, jpeg)
SELECT camera_id, (value->>'at')::timestamptz, decode(value->>'jpeg', 'base64') FROM held
ON CONFLICT (camera_id) DO UPDATE SET at = excluded.at, jpeg = excluded.jpeg
"""
)


class LeaseLost(Exception):
    """The camera is another watcher's now: what we saw of it counts no longer."""


def check_in(tx: Tx, name: str, state: Mapping[str, Any]) -> None:
    """Say that we live, and how we fare."""
    tx.exec_driver_sql(CHECK_IN, {"name": name, "state": json.dumps(state)})
    tx.exec_driver_sql(FORGET)


def check_out(tx: Tx, name: str) -> None:
    """Give up every camera and be gone: others need not wait."""
    tx.exec_driver_sql(
        "UPDATE camera_lease SET expires_at = now() WHERE worker = %(me)s AND expires_at > now()", {"me": name}
    )
    tx.exec_driver_sql("DELETE FROM watcher WHERE name = %(me)s", {"me": name})


def watchers(tx: Tx) -> list[Any]:
    """Every watcher that was seen of late, alive or not."""
    return list(tx.exec_driver_sql(WATCHERS))


def leases(tx: Tx) -> list[Lease]:
    """Who has which camera."""
    return [Lease(row.camera_id, row.worker, row.expires_at) for row in tx.exec_driver_sql(LEASES)]


def release(tx: Tx, me: str, ids: Sequence[str]) -> None:
    """Give cameras up; who had them is remembered."""
    tx.exec_driver_sql(RELEASE, {"me": me, "ids": list(ids)})


def renew(tx: Tx, me: str, ids: Sequence[str], lasts_s: float) -> dict[str, int]:
    """Camera → epoch of the leases that are still ours and last anew."""
    rows = tx.exec_driver_sql(RENEW, {"me": me, "ids": list(ids), "lasts_s": lasts_s})
    return {row.camera_id: row.epoch for row in rows}


def take(tx: Tx, me: str, ids: Sequence[str], lasts_s: float) -> list[Any]:
    """Take free cameras; of those that another takes meanwhile none."""
    return list(tx.exec_driver_sql(TAKE, {"me": me, "ids": list(ids), "lasts_s": lasts_s}))


def fence(tx: Tx, camera_id: str, worker: str, epoch: int) -> None:
    """Hold the lease until commit. Raises LeaseLost."""
    held = tx.exec_driver_sql(FENCE, {"camera_id": camera_id, "worker": worker, "epoch": epoch}).first()
    if held is None:
        raise LeaseLost(camera_id)


def posts(tx: Tx, ids: Iterable[str]) -> list[Any]:
    """What a watcher must know to watch these cameras."""
    return list(tx.exec_driver_sql(POSTS, {"ids": list(ids)}))


def believed(tx: Tx, ids: Iterable[str]) -> list[Any]:
    """What is believed of these cameras by whoever watched them last."""
    return list(tx.exec_driver_sql(BELIEVED, {"ids": list(ids)}))


def windows(tx: Tx) -> list[Any]:
    """The maintenance that is, or begins within a minute."""
    return list(tx.exec_driver_sql(WINDOWS))


def health_of(stored: Mapping[str, Any]) -> Health:
    """What was believed; the runs of sightings that led to it were another watcher's, and begin anew."""
    health = CONVERTER.structure(stored, Health)
    return Health(health.status, health.reason, health.since)


def record_health(tx: Tx, camera_id: str, health: Health, silenced: bool) -> bool:
    """Keep what is believed now; False when this status was kept before."""
    values = {"camera_id": camera_id, "status": health.status, "reason": health.reason, "since": health.since}
    text = json.dumps(CONVERTER.unstructure(health))
    return tx.exec_driver_sql(RECORD_HEALTH, values | {"health": text, "silenced": silenced}).first() is not None


def unsilence(tx: Tx, camera_id: str) -> None:
    """What happened under maintenance has been told."""
    tx.exec_driver_sql(UNSILENCE, {"camera_id": camera_id})


def begin(tx: Tx, camera_id: str, column: str, name: str, since: datetime.datetime) -> bool:
    """Keep that a fault, motion or somebody's presence (`column`: LASTING) began; False when that was kept before."""
    values = {"camera_id": camera_id, "name": name, "since": since.isoformat()}
    return tx.exec_driver_sql(BEGIN[column], values).first() is not None


def end(tx: Tx, camera_id: str, column: str, name: str) -> bool:
    """Keep that it is over; False when that was kept before."""
    return tx.exec_driver_sql(END[column], {"camera_id": camera_id, "name": name}).first() is not None


def add_line(
    tx: Tx,
    camera_id: str,
    kind: str,
    at: datetime.datetime,
    *,
    since: datetime.datetime | None = None,
    event_id: str | None = None,
    worker: str | None = None,
    epoch: int | None = None,
    planned: bool = False,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add to the history."""
    values = {"camera_id": camera_id, "kind": kind, "at": at, "since": since, "event_id": event_id, "planned": planned}
    own = {"worker": worker, "epoch": epoch, "data": json.dumps(data or {}, ensure_ascii=False, default=_text)}
    tx.exec_driver_sql(ADD_LINE, values | own)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def record_seen(tx: Tx, worker: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what the wire of many cameras looks like, of those that are still ours."""
    tx.exec_driver_sql(RECORD_SEEN, {"worker": worker, "rows": json.dumps(rows)})


def keep_reference(tx: Tx, camera_id: str, reference: bytes, relearn: int) -> None:
    """Keep what the camera usually shows; `relearn` tells which of its positions was learned."""
    tx.exec_driver_sql(KEEP_REFERENCE, {"camera_id": camera_id, "reference": reference, "relearn": relearn})


def keep_thumbnails(tx: Tx, worker: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the newest small pictures of cameras that are still ours."""
    tx.exec_driver_sql(KEEP_THUMBNAILS, {"worker": worker, "rows": json.dumps(rows)})

"""Acts on the registry, each one call inside a transaction: change, history, event, audit; for HTTP, import and seed alike."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from chassis import audit, context
from chassis.context import new_id
from chassis.database import Tx
from chassis.outbox import announce
from ipcam import store, watch_store
from ipcam.credentials import Credentials, Safe
from ipcam.domain.placement import choose_placement
from ipcam.events import CameraRegistered, CameraRemoved

KEPT = ("name", "placement", "rtsp_url", "sub_url", "onvif_url", "transport", "motion", "forbidden_areas")


def unit() -> str | None:
    """The unit whose cameras the caller may see."""
    return context.current().caller.unit


def add_site(tx: Tx, site: Mapping[str, Any]) -> Any:
    """Store a new site of a unit that the caller's covers. Raises SiteExists, NoSuchSite (not for this caller)."""
    store.add_site(tx, site)
    audit.record(tx, "site.add", f"site/{site['code']}", after=dict(site))
    return store.get_site(tx, site["code"], unit())


def change_site(tx: Tx, row: Any, changes: Mapping[str, Any]) -> Any:
    """Change a site that was locked. Raises NoSuchSite where the caller would lose sight of it."""
    before = {name: getattr(row, name) for name in ("name", "unit", "operator_name", "operator_email")}
    store.change_site(tx, before | dict(changes) | {"code": row.code})
    audit.record(tx, "site.change", f"site/{row.code}", before=before, after=before | dict(changes))
    return store.get_site(tx, row.code, unit())


def register(tx: Tx, camera: Mapping[str, Any], safe: Safe, seen: Mapping[str, Any] | None = None) -> str:
    """Register a camera; its id. Raises PlacementRefused, UnknownSite, CameraExists."""
    placement = choose_placement(camera["placement"])
    try:
        store.get_site(tx, camera["site"], unit())
    except store.NoSuchSite:
        raise store.UnknownSite(camera["site"]) from None
    camera_id, account = new_id(), camera.get("credentials")
    unsaid = {"sub_url": None, "onvif_url": None, "transport": "tcp", "motion": None, "forbidden_areas": None}
    row = unsaid | dict(camera)
    locked = safe.lock(Credentials(**account)) if account else None
    store.add_camera(tx, row | {"id": camera_id, "placement": placement, "credentials": locked, "seen": seen})
    at = datetime.datetime.now(datetime.UTC)
    data = {"camera": camera_id, "site": row["site"], "placement": placement, "at": at}
    event_id = announce(tx, CameraRegistered, camera_id, data, at)
    by = context.current().caller.subject
    watch_store.add_line(
        tx, camera_id, "registered", at, event_id=event_id, data={"placement": str(placement), "by": by}
    )
    audit.record(tx, "camera.register", f"camera/{camera_id}", after=_shown(row))
    return camera_id


def change(tx: Tx, row: Any, changes: Mapping[str, Any], safe: Safe) -> None:
    """Change a camera that was locked; credentials are kept unless they are among the changes. Raises as `register`."""
    wanted = dict(changes)
    if "placement" in wanted:
        wanted["placement"] = choose_placement(wanted["placement"])
    before = {name: getattr(row, name) for name in KEPT}
    after = before | {name: value for name, value in wanted.items() if name in KEPT}
    account = wanted.get("credentials")
    secret = {
        "new_credentials": "credentials" in wanted,
        "credentials": safe.lock(Credentials(**account)) if account else None,
    }
    store.change_camera(tx, after | secret | {"id": row.id, "site": row.site})
    _note(tx, row.id, "changed", sorted(wanted))
    audit.record(tx, "camera.change", f"camera/{row.id}", before=before, after=after | {"changed": sorted(wanted)})


def remove(tx: Tx, row: Any) -> None:
    """Take a camera that was locked out of the registry."""
    store.remove_camera(tx, row.id)
    at = datetime.datetime.now(datetime.UTC)
    event_id = announce(tx, CameraRemoved, row.id, {"camera": row.id, "site": row.site, "at": at}, at)
    by = context.current().caller.subject
    watch_store.add_line(tx, row.id, "removed", at, event_id=event_id, data={"by": by})
    audit.record(tx, "camera.remove", f"camera/{row.id}", before={name: getattr(row, name) for name in KEPT})


def relearn(tx: Tx, row: Any) -> None:
    """The camera was moved on purpose: what it shows now is what it should show."""
    store.relearn(tx, row.id)
    _note(tx, row.id, "relearned", [])
    audit.record(tx, "camera.relearn", f"camera/{row.id}")


def _note(tx: Tx, camera_id: str, kind: str, names: list[str]) -> None:
    """Which fields, not what is in them: a history is read by more people than addresses are."""
    at, by = datetime.datetime.now(datetime.UTC), context.current().caller.subject
    watch_store.add_line(tx, camera_id, kind, at, data={"by": by, "fields": names})


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "credentials"}

"""Loads sites and cameras that a file describes: new ones are added, known ones brought up to it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from chassis import context
from chassis.database import Tx
from chassis.settings import read
from ipcam import registry, store
from ipcam.credentials import Credentials, Safe
from ipcam.schemas import NewCamera
from ipcam.settings import CredentialSettings
from ipcam.site_schemas import NewSite


def load_registry(tx: Tx, text: str) -> str:
    """`{"sites": [NewSite], "cameras": [NewCamera]}`; what was done, in words. Raises marshmallow.ValidationError."""
    asked = json.loads(text)
    safe = Safe(read(CredentialSettings).key)
    caller = dataclasses.replace(context.current().caller, unit="*")
    with context.running(dataclasses.replace(context.current(), caller=caller)):
        for site in asked["sites"]:
            _load_site(tx, NewSite().load(site))
        for camera in asked["cameras"]:
            _load_camera(tx, NewCamera().load(camera), safe)
    return f"{len(asked['sites'])} sites, {len(asked['cameras'])} cameras"


def _load_site(tx: Tx, site: dict[str, Any]) -> None:
    try:
        known = store.lock_site(tx, site["code"], "*")
    except store.NoSuchSite:
        registry.add_site(tx, site)
        return
    if any(getattr(known, name) != value for name, value in site.items()):
        registry.change_site(tx, known, {name: value for name, value in site.items() if name != "code"})


def _load_camera(tx: Tx, camera: dict[str, Any], safe: Safe) -> None:
    found = store.find_camera(tx, camera["site"], camera["name"])
    if found is None:
        registry.register(tx, camera, safe)
        return
    row, account = store.lock_camera(tx, found.id, "*"), camera.pop("credentials", None)
    changes = {name: value for name, value in camera.items() if name != "site" and getattr(row, name) != value}
    if account and safe.unlock(found.credentials) != Credentials(**account):
        changes["credentials"] = account
    if changes:
        registry.change(tx, row, changes, safe)

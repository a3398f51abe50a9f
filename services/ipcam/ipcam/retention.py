"""Deletes pictures and clips whose time is over, and makes sure in the store itself that they are gone."""

from __future__ import annotations

import datetime
from typing import Any

from chassis import audit, logs, objects
from chassis.context import Context, new_id, running
from chassis.database import Database
from ipcam import recording_store

log = logs.get(__name__)
BATCH = 50


def sweep(database: Database, keep: objects.Keep) -> int:
    """Delete what has expired; how many. Remove, ask the store whether it is gone, then note: each may be repeated."""
    done = 0
    while True:
        with database.transaction() as tx:
            rows = recording_store.expired(tx, BATCH)
        for row in rows:
            with running(Context(new_id())):
                done += delete(database, keep, row)
        if len(rows) < BATCH:
            return done


def delete(database: Database, keep: objects.Keep, row: Any) -> bool:
    """Delete one; False when somebody else did meanwhile. Audited as the running caller's act, or as the service's."""
    recording_id, camera, sha256 = row.id, row.camera, row.sha256
    keep.remove(recording_id)
    if objects.is_there(keep, recording_id):
        raise objects.StoreAway(f"{recording_id} was removed and is still there")
    asked_at = datetime.datetime.now(datetime.UTC)
    proof = f"store asked at {asked_at.isoformat(timespec='seconds')}: no such object"
    with database.transaction() as tx:
        if not recording_store.deleted(tx, recording_id, proof):
            return False
        audit.record(tx, "recording.delete", f"camera/{camera}/recordings/{recording_id}", before={"sha256": sha256})
    log.info("recording deleted", recording=recording_id)
    return True

"""Takes out of the store the bytes of files that were removed, or whose sending was cut off."""

from __future__ import annotations

import contextlib
import threading
import time

from chassis import logs
from chassis.database import Database, is_away
from chassis.objects import DRAFT, Keep, StoreAway
from dossier import files_store

log = logs.get(__name__)
EVERY_S = 300.0
CUT_OFF_S = 3600.0


def sweep(database: Database, keep: Keep) -> int:
    """Remove what is to go, at most 100 at a time; how many. May be repeated, and run by several at once. Raises
    StoreAway; then the rest goes another time."""
    with database.transaction() as tx:
        ids = files_store.to_go(tx)
    for file_id in ids:
        keep.remove(file_id)
    with database.transaction() as tx:
        files_store.gone(tx, ids)
    return len(ids)


def clear_drafts(keep: Keep) -> None:
    """Delete what was being received an hour ago; a draft that is kept meanwhile is none any more."""
    for draft in keep.folder().glob(f"{DRAFT}*"):
        with contextlib.suppress(FileNotFoundError):
            if draft.stat().st_mtime < time.time() - CUT_OFF_S:
                draft.unlink()


def start(stopping: threading.Event, database: Database, keep: Keep) -> None:
    """Sweep every five minutes in a thread of its own: a store that does not answer holds up nothing else."""

    def run() -> None:
        while not stopping.wait(EVERY_S):
            try:
                clear_drafts(keep)
                while sweep(database, keep):
                    pass
            except StoreAway as error:
                log.warning("file store away", error=str(error))
            except Exception as error:  # the thread must outlive whatever one look has met
                if not is_away(error):
                    log.exception("sweeping failed")

    threading.Thread(target=run, name="sweep files", daemon=True).start()

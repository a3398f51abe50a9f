"""SQL of what the operators of sites are owed."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.database import Tx

ADD = "INSERT INTO alarm (site, camera_id, at, text) VALUES (%(site)s, %(camera_id)s, %(at)s, %(text)s)"
# A site whose letter another watcher is just writing is left to it.
DUE = """
SELECT s.code, s.name, s.operator_name, s.operator_email FROM site s
WHERE (s.told_at IS NULL OR s.told_at < now() - make_interval(secs => %(every_s)s))
  AND EXISTS (SELECT 1 FROM alarm a WHERE a.site = s.code AND a.told_at IS NULL
              AND a.at < now() - make_interval(secs => %(wait_s)s))
ORDER BY s.code LIMIT 1 FOR NO KEY UPDATE OF s SKIP LOCKED
"""
CLOSE = "UPDATE alarm SET told_at = now() WHERE site = %(site)s AND told_at IS NULL RETURNING id, text"
TOLD = "UPDATE site SET told_at = now() WHERE code = %(site)s"


def add(tx: Tx, site: str, camera_id: str, at: datetime.datetime, text: str) -> None:
    """Remember a line."""
    tx.exec_driver_sql(ADD, {"site": site, "camera_id": camera_id, "at": at, "text": text})


def take_due(tx: Tx, every_s: float, wait_s: float) -> Any | None:
    """A site with lines older than `wait_s` whose operator was not written to for `every_s`; locked until commit."""
    return tx.exec_driver_sql(DUE, {"every_s": every_s, "wait_s": wait_s}).first()


def close(tx: Tx, site: str) -> list[str]:
    """All open lines of a site, in order; they are open no longer."""
    rows = sorted(tx.exec_driver_sql(CLOSE, {"site": site}), key=lambda row: int(row.id))
    return [row.text for row in rows]


def told(tx: Tx, site: str) -> None:
    """The operator is being written to now."""
    tx.exec_driver_sql(TOLD, {"site": site})

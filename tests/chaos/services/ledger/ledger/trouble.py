"""Fails as an event asks for, and as often: the attempts are counted outside the transaction that fails."""

from __future__ import annotations

import os
import signal
import time

from chassis.database import Tx
from chassis.events import Event

COUNT = """
INSERT INTO attempt AS a (lane, event_id, made) VALUES (%(lane)s, %(event_id)s, 1)
ON CONFLICT (lane, event_id) DO UPDATE SET made = a.made + 1 RETURNING made
"""
SLOW_S = 0.3


class Trouble(RuntimeError):
    """The failure that the event asked for."""


def make(lane: str, event: Event, tx: Tx) -> None:
    """Do nothing, be slow, raise, break the transaction or die. Raises what a handler with a bug would raise."""
    kind = event.data["trouble"]
    if kind == "none" or (kind == "kill" and lane != "inbox"):
        return
    if kind == "slow":
        time.sleep(SLOW_S)
        return
    with tx.engine.begin() as own:
        made = own.exec_driver_sql(COUNT, {"lane": lane, "event_id": event.id}).scalar_one()
    if kind == "doom":
        raise Trouble("can never be handled")
    if made > event.data["times"]:
        return
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sql":
        tx.exec_driver_sql("SELECT 1 / 0")
    raise Trouble(f"attempt {made} fails")

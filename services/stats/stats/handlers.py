"""Events in: a list at a time, because a counter grows by a sum as cheaply as by one."""

from __future__ import annotations

from chassis.database import Tx
from chassis.events import Event
from chassis.worker import handles
from stats import domain, store
from stats.events import DossierCompleted, DossierReceived


class Stats:
    """Counts. The order of events does not matter to a sum, and the inbox lets each in once."""

    name = "stats"

    @handles(DossierReceived, many=True)
    @handles(DossierCompleted, many=True)
    def on_dossier_events(self, events: list[Event], tx: Tx) -> None:
        """Let every counter that these events move grow by their sum."""
        moved = [key for event in events for key in domain.MOVES[event.type](**event.data)]
        store.add(tx, domain.total(moved))

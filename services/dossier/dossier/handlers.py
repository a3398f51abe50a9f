"""Events in."""

from __future__ import annotations

from chassis.database import Tx
from chassis.events import Event
from chassis.worker import handles
from dossier import store
from dossier.events import MessageSent


class Dossiers:
    """Keeps in each dossier's history what became of what it announced."""

    name = "dossier"

    @handles(MessageSent)
    def on_message_sent(self, event: Event, tx: Tx) -> None:
        """The citizen was told."""
        told = event.data
        store.remember_told(tx, told["reference"], told["sent_at"], told["template"], told["channel"])

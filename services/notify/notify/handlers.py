"""Commands in."""

from __future__ import annotations

from chassis.database import Tx
from chassis.events import Event
from chassis.worker import handles
from notify import store
from notify.events import SendMessage
from notify.templates import render


class Notify:
    """Takes what others order; the sender process sends it."""

    name = "notify"

    @handles(SendMessage)
    def on_send(self, event: Event, tx: Tx) -> None:
        """Render now, so that a template without its values is noticed where the order came from."""
        order = event.data
        text = render(order["template"], order["values"] | {"full_name": order["recipient"]["full_name"]})
        message = {"id": event.id, "correlation_id": event.correlation_id, "subject": text.subject, "body": text.body}
        chosen = {name: order[name] for name in ("reference", "template")}
        store.add_message(tx, message | chosen | order["recipient"])

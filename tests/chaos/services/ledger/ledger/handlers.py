"""Events in. Nothing here looks whether an event came before: that is what the run is about."""

from __future__ import annotations

from chassis.database import Tx
from chassis.events import Event
from chassis.outbox import announce
from chassis.worker import handles
from ledger import store, trouble
from ledger.events import Deposited, TenthBooked


class Ledger:
    """Books one by one in its inbox, adds up lists in a lane of their own, and hears of its own announcements."""

    name = "ledger"

    @handles(Deposited)
    def on_deposited(self, event: Event, tx: Tx) -> None:
        """Book, in the order of the account; announce every tenth."""
        trouble.make("inbox", event, tx)
        bookings = store.book(tx, event)
        if bookings % 10 == 0:
            announce(tx, TenthBooked, event.subject, {"bookings": bookings})

    @handles(TenthBooked)
    def on_tenth_booked(self, event: Event, tx: Tx) -> None:
        """Keep the follow-up."""
        store.keep_tenth(tx, event)

    @handles(Deposited, lane="totals", many=True)
    def on_deposits(self, events: list[Event], tx: Tx) -> None:
        """Let the totals grow by a whole list."""
        for event in events:
            trouble.make("totals", event, tx)
        store.add(tx, events)

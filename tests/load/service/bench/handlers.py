"""Events in, in the two ways in which the platform lets a handler be written."""

from bench import store
from bench.events import Counted
from chassis.worker import handles


class ByTheList:
    """How a counter is written: the events of a batch at once."""

    name = "bench"

    @handles(Counted, many=True)
    def on_received(self, events, tx):
        store.add_received_many(tx, [(event.data["unit"], event.data["received_at"].date()) for event in events])


class OneByOne:
    """How everything else is written: one event, one effect."""

    name = "bench"

    @handles(Counted)
    def on_received(self, event, tx):
        store.add_received(tx, event.data["unit"], event.data["received_at"].date())

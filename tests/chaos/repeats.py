"""Sends what nobody should: stored events again, in order and out of order, and messages that are no events."""

from __future__ import annotations

import dataclasses
import random
import threading
import uuid
from typing import Any

import amqp
import psycopg2

from chassis.events import PREFIX
from chassis.publisher import Publication, Publisher
from chassis.relay import message_of
from tests.chaos.arena import Arena

STORED = """
SELECT event_id::text, type, subject, sequence, occurred_at, data, correlation_id, causation_id, traceparent
FROM event_log WHERE type = 'teller.deposited.v1' AND position > (SELECT position FROM event_log_head) - %s
ORDER BY position
"""
REACH = 2000  # positions behind the newest from which events are repeated
AT_ONCE = 100
EXCHANGE, ROUTING_KEY = "teller.events", "teller.deposited.v1"


@dataclasses.dataclass
class Poison:
    """A message that is no event: may an id in it tell that it came before, and has the broker confirmed it."""

    recognisable: bool
    confirmed: bool = False


class Repeater:
    """Publishes past the relay and past every fault, with confirms; what the broker did not confirm is not counted."""

    def __init__(self, arena: Arena, dice: random.Random) -> None:
        self.arena = arena
        self.dice = dice
        self.repeated = 0
        self.poisons: dict[str, Poison] = {}  # by the marker in the body
        self._lock = threading.Lock()

    def repeat(self, in_order: bool) -> bool:
        """Some stored events again. False where there are none yet, or a server is away."""
        try:
            rows = self.arena.rows("teller", STORED, [REACH])
        except psycopg2.Error:
            return False
        with self._lock:
            chosen = self.dice.sample(range(len(rows)), min(AT_ONCE, len(rows)))
        messages = [message_of(rows[index], "teller") for index in (sorted(chosen) if in_order else chosen)]
        sent = self._send(messages)
        self.repeated += sent
        return sent > 0

    def poison(self) -> bool:
        """Messages that are no events: three kinds, of which only the first can be recognised when it comes again."""
        markers = [uuid.uuid4().hex for _ in range(3)]
        poisons = {marker: Poison(recognisable=marker == markers[0]) for marker in markers}
        headers = {
            PREFIX + "specversion": "1.0",
            PREFIX + "id": str(uuid.uuid4()),
            PREFIX + "source": "/teller",
            PREFIX + "type": ROUTING_KEY,
            PREFIX + "time": "2026-01-01T00:00:00+00:00",
            PREFIX + "subject": "account-0000",
            PREFIX + "sequence": "1",
        }
        self.poisons |= poisons
        bodies = [f'{{"poison": "{markers[0]}"', f'{{"poison": "{markers[1]}"}}', f"\xff\x00 poison {markers[2]}"]
        properties: list[dict[str, Any]] = [
            {"content_type": "application/json", "application_headers": headers},
            {"content_type": "application/json"},
            {"content_type": "image/png", "application_headers": {PREFIX + "specversion": "1.0"}},
        ]
        sent = self._send(
            [amqp.Message(body.encode("latin-1"), **more) for body, more in zip(bodies, properties, strict=True)]
        )
        for poison in poisons.values():  # should the broker die before it confirms, they may be there or not
            poison.confirmed = sent == len(poisons)
        return sent > 0

    def _send(self, messages: list[amqp.Message]) -> int:
        try:
            with self.arena.broker() as connection:
                publisher = Publisher(connection, 5.0)
                outcome = publisher.publish(
                    Publication(number, EXCHANGE, ROUTING_KEY, message, mandatory=False)
                    for number, message in enumerate(messages)
                )
        except (OSError, amqp.exceptions.AMQPError):
            return 0
        return len(outcome.confirmed)

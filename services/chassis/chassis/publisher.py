"""Publishes a window of messages and waits once for all of its confirms."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable
from typing import Any

import amqp

from chassis.broker import open_channel, writing_together


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of a window: keys that the broker has confirmed, and keys of mandatory messages nobody could take."""

    confirmed: list[int]
    returned: list[int]


@dataclasses.dataclass(frozen=True, slots=True)
class Publication:
    """One message to publish; `key` names it in the outcome, `message_id` in what the broker returns."""

    key: int
    exchange: str
    routing_key: str
    message: amqp.Message
    mandatory: bool


class Publisher:
    """A channel in confirm mode. Raises a broker error (never hangs) when the broker stays silent for `timeout_s`."""

    def __init__(self, connection: amqp.Connection, timeout_s: float) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self.channel = open_channel(connection)
        self.channel.confirm_select()
        self.channel.events["basic_ack"].add(self._on_ack)
        self.channel.events["basic_nack"].add(self._on_nack)
        self.channel.events["basic_return"].add(self._on_return)
        # py-amqp would look for a `connection.blocked` before each message, a system call; our time-outs notice it.
        connection.client_properties = {**connection.client_properties, "capabilities": {}}
        self.tag = 0
        self.waiting: dict[int, int] = {}  # delivery tag → key, in publishing order
        self.outcome = Outcome([], [])
        self.returned_ids: set[str] = set()

    def publish(self, publications: Iterable[Publication]) -> Outcome:
        """Send all, in order, and return when each was confirmed, refused or returned."""
        self.outcome, self.returned_ids = Outcome([], []), set()
        mandatory: dict[str, int] = {}
        with writing_together(self.connection.transport):
            for publication in publications:
                self.tag += 1
                self.waiting[self.tag] = publication.key
                if publication.mandatory:
                    mandatory[publication.message.properties["message_id"]] = publication.key
                self.channel.basic_publish(
                    publication.message, publication.exchange, publication.routing_key, mandatory=publication.mandatory
                )
        self._await_confirms()
        returned = {mandatory[message_id] for message_id in self.returned_ids if message_id in mandatory}
        confirmed = (
            [key for key in self.outcome.confirmed if key not in returned] if returned else self.outcome.confirmed
        )
        return Outcome(confirmed, sorted(returned))

    def _await_confirms(self) -> None:
        """Frame by frame: a slow broker may take its time as long as confirms come, and a blocked one (a memory alarm)
        still sends heartbeats, which `drain_events` would go on waiting behind."""
        before, deadline = len(self.waiting), time.monotonic() + self.timeout_s
        while self.waiting:
            if len(self.waiting) < before:
                before, deadline = len(self.waiting), time.monotonic() + self.timeout_s
            if time.monotonic() >= deadline:
                raise TimeoutError(f"no confirm for {self.timeout_s} s")
            self.connection.blocking_read(max(0.001, deadline - time.monotonic()))

    def _settle(self, tag: int, multiple: bool) -> list[int]:
        if not multiple:
            return [self.waiting.pop(tag)] if tag in self.waiting else []
        tags = []
        for waiting in self.waiting:  # insertion order is tag order
            if waiting > tag:
                break
            tags.append(waiting)
        return [self.waiting.pop(found) for found in tags]

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self.outcome.confirmed.extend(self._settle(tag, multiple))

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple)  # not stored: it stays in the outbox and is sent again

    def _on_return(self, _error: Any, _exchange: str, _routing_key: str, message: amqp.Message) -> None:
        self.returned_ids.add(message.properties["message_id"])

"""The queues of a consumer: one quorum inbox (or partitions), bound to what it handles, a last net under it."""

from __future__ import annotations

import dataclasses
from typing import Any

import amqp

from chassis.events import PREFIX, Command, Fact, replays

PRECONDITION_FAILED = 406


class QueueMismatch(RuntimeError):
    """A queue or exchange of this name exists with other arguments; they can only be changed by a person."""


@dataclasses.dataclass(frozen=True)
class Lane:
    """The queues of one consumer: `stats.inbox`, or `stats.inbox.0` … where it is partitioned."""

    consumer: str
    facts: tuple[type[Fact], ...]
    partitions: int
    delivery_limit: int

    @property
    def queues(self) -> list[str]:
        """Names of the queues that events are taken from."""
        if self.partitions == 1:
            return [self.consumer]
        return [f"{self.consumer}.{number}" for number in range(self.partitions)]

    @property
    def dead_letters(self) -> str:
        """The queue (and exchange) of messages that the broker gave up."""
        return f"{self.consumer}.dead-letters"


def declare(connection: amqp.Connection, lane: Lane) -> None:
    """Declare exchanges, queues and bindings; declaring what is already there changes nothing.

    Raises QueueMismatch, naming the difference, where something of the same name exists with other arguments.
    """
    channel = connection.channel()
    try:
        _declare_dead_letters(channel, lane)
        for exchange in {fact.exchange() for fact in lane.facts}:
            channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        for queue in lane.queues:
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=_arguments(lane))
        if lane.partitions > 1:
            _declare_partitions(channel, lane)
        _bind(channel, lane)
    except amqp.exceptions.PreconditionFailed as error:
        raise QueueMismatch(f"{lane.consumer}: {error.reply_text}; delete or rename it, then start again") from error
    channel.close()


def _arguments(lane: Lane) -> dict[str, Any]:
    # Single active consumer: a second worker stands by, so that the order of a subject's events holds.
    return {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": lane.delivery_limit,
        "x-dead-letter-exchange": lane.dead_letters,
    }


def _declare_dead_letters(channel: Any, lane: Lane) -> None:
    channel.exchange_declare(lane.dead_letters, "fanout", durable=True, auto_delete=False)
    channel.queue_declare(lane.dead_letters, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(lane.dead_letters, lane.dead_letters, "")


def _declare_partitions(channel: Any, lane: Lane) -> None:
    """A consistent-hash exchange on the subject in front of the partitions: a subject always meets the same queue."""
    channel.exchange_declare(
        lane.consumer,
        "x-consistent-hash",
        durable=True,
        auto_delete=False,
        arguments={"hash-header": PREFIX + "subject"},
    )
    for queue in lane.queues:
        channel.queue_bind(queue, lane.consumer, "1")


def _bind(channel: Any, lane: Lane) -> None:
    """Take the types from their owners' exchanges, and replayed events from where this consumer alone is called."""
    bind = channel.queue_bind if lane.partitions == 1 else channel.exchange_bind
    for fact in lane.facts:
        bind(lane.consumer, fact.exchange(), fact.type)
    for source in sorted({fact.owner() for fact in lane.facts if not issubclass(fact, Command)}):
        channel.exchange_declare(replays(source), "direct", durable=True, auto_delete=False)
        bind(lane.consumer, replays(source), lane.consumer)

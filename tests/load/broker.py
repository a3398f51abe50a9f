"""What the harness itself asks of RabbitMQ: declare, fill, count, empty."""

import time
from collections.abc import Iterable
from typing import Any

from amqp.basic_message import Message
from amqp.exceptions import NotFound
from kombu import Connection

from tests.load import workload
from tests.load.process import Process

QUORUM = {"x-queue-type": "quorum"}
Wire = tuple[bytes, dict[str, Any], dict[str, Any]]


class Broker:
    def __init__(self, amqp_url: str) -> None:
        self._connection = Connection(amqp_url, heartbeat=0)
        self._connection.connect()
        self._channel = self._connection.default_channel
        self._channel.exchange_declare(workload.EXCHANGE, "topic", durable=True, auto_delete=False)

    def create(self, queue: str, routing_key: str | None = None) -> None:
        """A quorum queue, bound to the events exchange when a routing key is given."""
        self._channel.queue_declare(queue, durable=True, auto_delete=False, arguments=QUORUM)
        if routing_key:
            self._channel.queue_bind(queue, workload.EXCHANGE, routing_key)

    def delete(self, queue: str) -> None:
        self._channel.queue_delete(queue)

    def depth(self, queue: str) -> int:
        """Messages that are ready to be delivered."""
        return int(self._channel.queue_declare(queue, passive=True).message_count)

    def wait_for_queue(self, queue: str, process: Process, seconds: float = 30) -> None:
        """Until the process has declared its queue and takes from it."""
        deadline = time.monotonic() + seconds
        while not self._has_consumer(queue):
            process.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{process.name} does not read {queue} after {seconds} s, see {process.log}")
            time.sleep(0.05)

    def _has_consumer(self, queue: str) -> bool:
        channel = self._connection.channel()
        try:
            return bool(channel.queue_declare(queue, passive=True).consumer_count)
        except NotFound:
            return False
        finally:
            channel.close()

    def fill(self, queue: str, messages: Iterable[Wire], seconds: float = 60) -> int:
        """Put messages straight into one queue and wait until all of them are there; returns how many."""
        count = 0
        for body, headers, properties in messages:
            message = Message(body, application_headers=headers, **properties)
            self._channel.basic_publish(message, exchange="", routing_key=queue)
            count += 1
        deadline = time.monotonic() + seconds
        while self.depth(queue) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{queue} holds {self.depth(queue)} of {count} messages after {seconds} s")
            time.sleep(0.02)
        return count

    def close(self) -> None:
        self._connection.release()

"""The only module that knows nameko and eventlet: `@handles`, and the process that takes events in batches."""

# ruff: noqa: E402
from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
import eventlet

eventlet.monkey_patch()

import collections
import contextlib
import datetime
import functools
import os
import random
import signal
from collections.abc import Callable
from typing import Any

import amqp
import eventlet.wsgi
from nameko.containers import ServiceContainer, WorkerContext
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension

from chassis import logs, probes
from chassis.broker import AWAY, connected, open_channel
from chassis.database import Database, Tx, is_away
from chassis.events import Event, Fact, Message
from chassis.inbox import Handler, Inbox
from chassis.settings import BrokerSettings, ProbeSettings, WorkerSettings
from chassis.topology import Lane, QueueMismatch, declare

log = logs.get(__name__)
EX_SOFTWARE = 70
FIRST_PAUSE_S = 0.2
READ_S = 0.0002  # long enough for a frame that is on its way, too short to be a wait


class GivenUp(RuntimeError):
    """The broker delivered this message as often as the delivery limit allows, and each time the worker was gone."""


class QueueReader:
    """Takes what is waiting in one queue, settles it as one batch, acknowledges it with one ack."""

    def __init__(
        self,
        queue: str,
        broker: BrokerSettings,
        batch: int,
        settle: Callable[[list[Message]], None],
        database: Database,
        declare: Callable[[amqp.Connection], None],
    ) -> None:
        self.queue = queue
        self.broker = broker
        self.batch = batch
        self.settle = settle
        self.database = database
        self.declare = declare
        self.pause = FIRST_PAUSE_S
        self.waiting: collections.deque[amqp.Message] = collections.deque()
        self.stopping = False
        self.consuming = False

    def run(self) -> None:
        """Read until told to stop; a broker or database that is away is waited for with back-off."""
        while not self.stopping:
            try:
                self._wait_for_database()
                with connected(self.broker) as connection:
                    self.declare(connection)  # again: somebody may have deleted the queue, or the whole broker
                    self._consume(connection)
            except Exception as error:
                if not isinstance(error, AWAY) and not is_away(error):
                    log.exception("reader failed", queue=self.queue)
                else:
                    log.warning("reader waits", queue=self.queue, error=type(error).__name__, detail=str(error))
                self.consuming = False
                eventlet.sleep(self.pause * random.uniform(0.5, 1.0))
                self.pause = min(10.0, self.pause * 2)

    def _wait_for_database(self) -> None:
        """Take nothing that could not be settled: each message given back counts towards the delivery limit."""
        while not self.stopping and not self.database.answers():
            log.warning("reader waits for the database", queue=self.queue)
            eventlet.sleep(1.0)

    def _consume(self, connection: amqp.Connection) -> None:
        self.waiting.clear()
        channel = open_channel(connection)
        # The broker puts what comes back behind what came back before it: all of it must fit into one window, or the
        # second loss of a connection turns the order round.
        channel.basic_qos(0, 2 * self.batch, False)
        channel.basic_consume(self.queue, callback=self.waiting.append)
        self.consuming = True
        while not self.stopping:
            batch = self._take(connection, self.batch, patience_s=0.5)
            if batch:
                self._settle(connection, batch)
                channel.basic_ack(batch[-1].delivery_tag, multiple=True)
                self.pause = FIRST_PAUSE_S
        self._leave(connection, channel)

    def _leave(self, connection: amqp.Connection, channel: Any) -> None:
        """Settle what is in hand and nothing that comes after it: when the connection closes, the broker gives that to
        the next worker, in order. A cancel would let the next one begin while the last messages are on their way here."""
        while self.waiting:
            batch = [self.waiting.popleft() for _ in range(min(self.batch, len(self.waiting)))]
            self._settle(connection, batch)
            channel.basic_ack(batch[-1].delivery_tag, multiple=True)
        self.consuming = False

    def _take(self, connection: amqp.Connection, most: int, patience_s: float) -> list[amqp.Message]:
        """What is there now, at most `most`: waits for a first message, never for a second."""
        with contextlib.suppress(TimeoutError):
            if not self.waiting:
                connection.drain_events(timeout=patience_s)
            with connection.transport.having_timeout(READ_S):  # once, not for each message
                while len(self.waiting) < most:
                    connection.on_inbound_frame(connection.transport.read_frame())
        connection.heartbeat_tick()
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def _settle(self, connection: amqp.Connection, batch: list[amqp.Message]) -> None:
        """While the database is away the messages stay in hand: given back, each counts towards the delivery limit."""
        messages = [arrived(message) for message in batch]
        while True:
            try:
                return self.settle(messages)
            except Exception as error:
                if self.stopping or not is_away(error):
                    raise
                log.warning("reader waits for the database", queue=self.queue, detail=str(error))
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=1.0)
            connection.heartbeat_tick()


def arrived(message: amqp.Message) -> Message:
    """The driver's message as the inbox sees it."""
    body = message.body
    return Message(
        body=body if isinstance(body, bytes) else str(body).encode(),
        headers=message.properties.get("application_headers") or {},
        content_type=message.properties.get("content_type"),
        redelivered=bool(message.delivery_info["redelivered"]),
    )


class Consumer(SharedExtension, ProviderCollector):  # type: ignore[misc]
    """One lane: its queues, its readers, and the retries of what it parked."""

    def __init__(self, lane: str = "inbox") -> None:
        super().__init__()
        self.lane = lane
        self.readers: list[QueueReader] = []
        self.threads: list[Any] = []
        self.stopping = False
        self.refusal: str | None = None

    @property
    def sharing_key(self) -> tuple[type, str]:
        return type(self), self.lane

    def start(self) -> None:
        """Declare the queues (a mismatch stops the start with its reason), then read each in a thread of its own."""
        config = self.container.config
        settings: WorkerSettings = config["settings"]
        broker: BrokerSettings = config["broker"]
        database: Database = config["database"]
        consumer = f"{self.container.service_name}.{self.lane}"
        handlers = [provider.handler() for provider in self._providers]
        facts = tuple(sorted((handler.fact for handler in handlers), key=lambda fact: fact.type))
        lane = Lane(consumer, facts, settings.partitions, settings.delivery_limit)
        self.inbox = Inbox(self.container.service_name, consumer, database, handlers, settings)
        try:
            self._declare_when_broker_answers(broker, lane)
        except QueueMismatch as mismatch:  # kept, not raised: eventlet prints what leaves a green thread
            self.refusal = str(mismatch)
        if self.stopping or self.refusal:
            return
        again, settle = functools.partial(declare, lane=lane), self.inbox.settle
        self.readers = [QueueReader(queue, broker, settings.batch, settle, database, again) for queue in lane.queues]
        random.shuffle(self.readers)  # so that several workers become active on different partitions
        self.readers.append(QueueReader(lane.dead_letters, broker, 1, self._bury, database, again))
        self.threads = [self.container.spawn_managed_thread(reader.run) for reader in self.readers]
        self.threads.append(self.container.spawn_managed_thread(self._retry))

    def stop(self) -> None:
        """Let every reader settle what it has in hand, then return."""
        self.stopping = True
        for reader in self.readers:
            reader.stopping = True
        for thread in self.threads:
            thread.wait()

    def _declare_when_broker_answers(self, broker: BrokerSettings, lane: Lane) -> None:
        while not self.stopping:
            try:
                with connected(broker) as connection:
                    declare(connection, lane)
                return
            except AWAY as error:
                log.warning("worker waits for the broker", error=type(error).__name__, detail=str(error))
                eventlet.sleep(1.0)

    def _bury(self, messages: list[Message]) -> None:
        for message in messages:
            self.inbox.bury(message, GivenUp("delivery limit reached"))

    def _retry(self) -> None:
        """Look for due attempts twice a second, and forget old event ids once an hour."""
        prune_at = datetime.datetime.now(datetime.UTC)
        while not self.stopping:
            now = datetime.datetime.now(datetime.UTC)
            try:
                self.inbox.retry_due(now, lambda: not self.stopping)
                if now >= prune_at:
                    self.inbox.prune(now)
                    prune_at = now + datetime.timedelta(hours=1)
            except Exception as error:
                if not is_away(error):
                    log.exception("retry failed")
            eventlet.sleep(0.5)


class Handles(Entrypoint):  # type: ignore[misc]
    """Entrypoint of a handler: `@handles(DossierReturned) def on_dossier_returned(self, event, tx)`.

    `many=True` hands over a list of events at once; `lane` names a queue apart from the service's inbox.
    """

    def __init__(self, fact: type[Fact], lane: str = "inbox", many: bool = False) -> None:
        super().__init__()
        self.fact = fact
        self.many = many
        self.consumer = Consumer(lane)

    def setup(self) -> None:
        self.consumer.register_provider(self)

    def stop(self) -> None:
        self.consumer.unregister_provider(self)

    def handler(self) -> Handler:
        """The method as the inbox calls it."""
        return Handler(self.fact, self.method_name, self._call, self.many)

    def _call(self, event: Event, tx: Tx) -> None:
        """Call the method on a service with nameko's dependencies injected, as nameko does for each of its workers."""
        service = self.container.service_cls()
        if self.container.dependencies:
            context = WorkerContext(self.container, service, self, (event, tx))
            for provider in self.container.dependencies:
                setattr(service, provider.attr_name, provider.get_dependency(context))
        getattr(service, self.method_name)(event, tx)


handles = Handles.decorator


class Worker:
    """The process: a nameko container that stops in order on SIGTERM, and within a hard limit."""

    def __init__(
        self, service_class: type, database: Database, broker: BrokerSettings, settings: WorkerSettings
    ) -> None:
        self.settings = settings
        config = {"database": database, "broker": broker, "settings": settings}
        self.container = ServiceContainer(service_class, config)

    def ready(self) -> bool:
        """True while every reader is subscribed."""
        readers = [reader for consumer in self._consumers() for reader in consumer.readers]
        return bool(readers) and all(reader.consuming for reader in readers)

    def _consumers(self) -> set[Consumer]:
        return {entrypoint.consumer for entrypoint in self.container.entrypoints}

    def serve_probes(self, settings: ProbeSettings, checks: probes.Checks) -> None:
        """Answer probes from the hub: a thread of the standard library would stop it, where it was imported unpatched."""
        listener = eventlet.listen((settings.host, settings.port))
        eventlet.spawn(eventlet.wsgi.server, listener, probes.application(checks), log_output=False)

    def run(self) -> int:
        """Start, wait, and return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: eventlet.spawn_n(self._stop))
        self.container.start()
        refusals = [consumer.refusal for consumer in self._consumers() if consumer.refusal]
        if refusals:
            log.error("start refused", reason="; ".join(refusals))
            self.container.stop()
            return EX_SOFTWARE
        self.container.wait()
        return 0

    def _stop(self) -> None:
        log.info("stopping: finishing what is in hand")
        eventlet.spawn_after(self.settings.drain_s, self._give_up)
        try:
            self.container.stop()
        except Exception:
            log.exception("stop failed")
            os._exit(EX_SOFTWARE)

    def _give_up(self) -> None:
        """What is unfinished was not acknowledged: it is delivered again, and the inbox knows what was committed."""
        log.error("stopped by the hard limit", seconds=self.settings.drain_s)
        os._exit(EX_SOFTWARE)

"""Settles what arrived: each event is handled once, parked for another attempt, or dead."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chassis import dead, logs, metrics, tracing
from chassis.database import Database, Tx, is_away
from chassis.events import Event, Fact, Message, Undecodable, decode, identity
from chassis.settings import WorkerSettings

log = logs.get(__name__)

ACCEPT = """
INSERT INTO inbox (consumer, event_id, occurred_at)
SELECT %(consumer)s, e.id::uuid, e.at FROM unnest(%(ids)s, %(times)s::timestamptz[]) AS e (id, at)
ON CONFLICT DO NOTHING RETURNING event_id::text
"""
BLOCKED = """
SELECT DISTINCT subject FROM parked_event
WHERE consumer = %(consumer)s AND state = 'parked' AND subject = ANY(%(subjects)s)
"""
WATERMARK = "SELECT pruned_until FROM inbox_watermark WHERE consumer = %(consumer)s"
MOVE_WATERMARK = """
INSERT INTO inbox_watermark AS w (consumer, pruned_until) VALUES (%(consumer)s, %(until)s)
ON CONFLICT (consumer) DO UPDATE SET pruned_until = greatest(w.pruned_until, excluded.pruned_until)
RETURNING pruned_until
"""
# A day behind the mark: other workers learn of it within the hour and refuse what is older before its id is gone.
FORGET = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox WHERE consumer = %(consumer)s AND occurred_at < %(until)s - interval '1 day' LIMIT 10000))
"""
NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


class NoHandler(LookupError):
    """An event of a type that this version does not handle: it waits, because a newer version may be rolling out."""


class AttemptsUsedUp(RuntimeError):
    """Every attempt was counted and none came back: the event ends the process that handles it."""


class BelowWatermark(ValueError):
    """An event older than the inbox remembers, hence maybe a repeated one: the consumer must be rebuilt."""


@dataclasses.dataclass(frozen=True)
class Handler:
    """A method bound to a type: `call(events, tx)` for a list, or once for each event."""

    fact: type[Fact]
    name: str
    call: Callable[[Any, Tx], None]
    many: bool = False

    def handle(self, events: Sequence[Event], tx: Tx) -> None:
        """Run the method; a single event's context (correlation, cause, trace) is current meanwhile."""
        if self.many:
            with tracing.handling(events[-1], self.name):
                self.call(events, tx)
            return
        for event in events:
            with tracing.handling(event, self.name):
                self.call(event, tx)


class Inbox:
    """The inbox of one consumer. `settle` returns when all may be acknowledged, and raises when none may."""

    def __init__(
        self, service: str, consumer: str, database: Database, handlers: Iterable[Handler], settings: WorkerSettings
    ) -> None:
        self.service = service
        self.consumer = consumer
        self.database = database
        self.settings = settings
        self.handlers = {handler.fact.type: handler for handler in handlers}
        self.readers: Mapping[str, type[Fact]] = {name: handler.fact for name, handler in self.handlers.items()}
        self.pruned_until: datetime.datetime | None = None

    def settle(self, messages: Sequence[Message]) -> None:
        """Handle the messages in one transaction; where that fails, each alone, and park the ones that fail then.

        Raises what `database.is_away` recognises: then nothing was settled that may be acknowledged.
        """
        self._learn_watermark()
        events: list[Event] = []
        for message in messages:
            try:
                event = self._read(message)
            except (Undecodable, BelowWatermark, NoHandler) as error:
                self._handle_all(events)  # keep the order in which a subject's events came
                events = []
                self._set_aside(message, error)
                continue
            if message.redelivered:
                self._handle_all(events)
                events = []
                self._handle_suspect(event)
            else:
                events.append(event)
        self._handle_all(events)

    def bury(self, message: Message, error: Exception) -> None:
        """Make a message dead without trying it: the broker gave it up, or it is no event of ours."""
        with self.database.transaction() as tx:
            if self._first_seen(tx, message):
                dead.bury(tx, self.service, self.consumer, message, error)
        metrics.DEAD.labels(self.consumer, self._label(message)).inc()
        log.error("event is dead", consumer=self.consumer, type=message.attribute("type"), error=type(error).__name__)

    def retry_due(self, now: datetime.datetime, go_on: Callable[[], bool] = lambda: True) -> int:
        """Try the parked events whose time has come, the oldest of each subject first; returns how many were tried."""
        self._learn_watermark()
        tried = 0
        while go_on() and (parked := dead.claim_due(self.database, self.consumer, now, self.settings)) is not None:
            tried += 1
            self._retry(parked)
        return tried

    def prune(self, now: datetime.datetime) -> None:
        """Forget event ids older than `keep_days`; from then on older events are refused."""
        until = now - datetime.timedelta(days=self.settings.keep_days)
        with self.database.transaction() as tx:
            row = tx.exec_driver_sql(MOVE_WATERMARK, {"consumer": self.consumer, "until": until}).one()
        self.pruned_until = row.pruned_until
        forgotten = 1
        while forgotten:
            with self.database.transaction() as tx:
                forgotten = tx.exec_driver_sql(FORGET, {"consumer": self.consumer, "until": row.pruned_until}).rowcount

    def _learn_watermark(self) -> None:
        """Once: what is older was pruned by somebody before us, perhaps with other settings."""
        if self.pruned_until is None:
            with self.database.transaction() as tx:
                self.pruned_until = tx.exec_driver_sql(WATERMARK, {"consumer": self.consumer}).scalar() or NEVER

    def _read(self, message: Message) -> Event:
        kind = message.attribute("type")
        if kind is not None and kind not in self.handlers:
            raise NoHandler(kind)
        event = decode(message, self.readers)
        if self.pruned_until is not None and event.time < self.pruned_until:
            raise BelowWatermark(f"{event.time.isoformat()} is before {self.pruned_until.isoformat()}: rebuild instead")
        return event

    def _handle_all(self, events: list[Event]) -> None:
        if not events:
            return
        try:
            self._handle(events)
        except Exception as error:
            if is_away(error):
                raise
            if len(events) == 1:
                self._set_aside(events[0].message, error)
            else:  # by halves: a bad event costs the logarithm of its batch, and its neighbours stay together
                middle = len(events) // 2
                self._handle_all(events[:middle])
                self._handle_all(events[middle:])

    def _handle_suspect(self, event: Event) -> None:
        """An event that came back may have ended the process, so its attempt is counted and committed before it is
        made: it is parked, tried at once, and what ends the process uses its own attempts up and nobody else's."""
        with self.database.transaction() as tx:
            if not self._accept(tx, [event]):
                return
            if self._blocked_subjects(tx, [event]):
                dead.park_behind(tx, self.consumer, event.message)
                return
            parked = dead.park_claimed(tx, self.consumer, event.message, self.settings)
        self._retry(parked)

    def _handle(self, events: Sequence[Event]) -> None:
        with self.database.transaction() as tx:
            fresh = self._accept(tx, events)
            blocked = self._blocked_subjects(tx, fresh)
            for event in fresh:
                if event.subject in blocked:
                    dead.park_behind(tx, self.consumer, event.message)
            ready = [event for event in fresh if event.subject not in blocked]
            for _name, group in itertools.groupby(ready, key=lambda event: self.handlers[event.type].name):
                batch = list(group)
                self.handlers[batch[0].type].handle(batch, tx)
        self._count(events, fresh, ready)

    def _accept(self, tx: Tx, events: Sequence[Event]) -> list[Event]:
        """The events not seen before, each once, in the order of arrival."""
        unseen = set(
            tx.exec_driver_sql(
                ACCEPT,
                {
                    "consumer": self.consumer,
                    "ids": [event.id for event in events],
                    "times": [event.time for event in events],
                },
            ).scalars()
        )
        fresh = []
        for event in events:
            if event.id in unseen:
                unseen.discard(event.id)
                fresh.append(event)
        return fresh

    def _blocked_subjects(self, tx: Tx, events: Sequence[Event]) -> set[str]:
        subjects = list({event.subject for event in events})
        return set(tx.exec_driver_sql(BLOCKED, {"consumer": self.consumer, "subjects": subjects}).scalars())

    def _set_aside(self, message: Message, error: Exception) -> None:
        """Park what may succeed later; bury what never can."""
        if isinstance(error, Undecodable | BelowWatermark) or self.settings.attempts <= 1:
            self.bury(message, error)
            return
        with self.database.transaction() as tx:
            if self._first_seen(tx, message):
                dead.park(tx, self.consumer, message, error, self.settings)
        metrics.PARKED.labels(self.consumer, self._label(message)).inc()
        log.warning(
            "event parked",
            consumer=self.consumer,
            type=message.attribute("type"),
            event_id=message.attribute("id"),
            error=type(error).__name__,
            detail=str(error),
        )

    def _label(self, message: Message) -> str:
        """The type as a metric's label: only known ones, for what came from outside has no bounds."""
        kind = message.attribute("type")
        return kind if kind in self.handlers else "unknown"

    def _first_seen(self, tx: Tx, message: Message) -> bool:
        """Enter the id in the inbox; what has no usable id cannot be recognised again and counts as first seen."""
        try:
            event_id, at = identity(message)
        except Undecodable:
            return True
        found = tx.exec_driver_sql(ACCEPT, {"consumer": self.consumer, "ids": [event_id], "times": [at]})
        return found.first() is not None

    def _retry(self, parked: dead.Parked) -> None:
        try:
            if parked.attempts > self.settings.attempts:
                raise AttemptsUsedUp(f"{self.settings.attempts} attempts")
            event = self._read(parked.message)
            with self.database.transaction() as tx:
                if not dead.take(tx, parked):  # retried or discarded by somebody else meanwhile
                    return
                self.handlers[event.type].handle([event], tx)
            self._count([event], [event], [event])
        except Exception as error:
            if is_away(error):
                raise
            final = parked.attempts >= self.settings.attempts or isinstance(error, Undecodable)
            dead.record_failure(self.database, self.service, parked, error, final)
            if final:
                metrics.DEAD.labels(self.consumer, self._label(parked.message)).inc()

    def _count(self, events: Sequence[Event], fresh: Sequence[Event], ready: Sequence[Event]) -> None:
        now = datetime.datetime.now(datetime.UTC)
        age = metrics.AGE_SECONDS.labels(self.consumer)
        for kind, group in itertools.groupby(ready, key=lambda event: event.type):
            handled = list(group)
            metrics.HANDLED.labels(self.consumer, kind).inc(len(handled))
            for event in handled:
                age.observe((now - event.time).total_seconds())
        repeated = len(events) - len(fresh)
        if repeated:
            metrics.REPEATED.labels(self.consumer, events[0].type).inc(repeated)

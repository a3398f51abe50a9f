"""Moves the outbox to the broker, in order, and gives each confirmed event its position in the event log."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import amqp
import sqlalchemy

from chassis import audit, logs, metrics
from chassis.broker import AWAY, connected
from chassis.database import Database, Tx, is_away
from chassis.events import CONTENT_TYPE, PREFIX
from chassis.publisher import Publication, Publisher
from chassis.settings import BrokerSettings, RelaySettings

log = logs.get(__name__)
LOCK = 7_110_001  # advisory lock of the one active relay; each service has a database of its own

UNSENT = """
SELECT id, event_id::text, exchange, type, subject, sequence, occurred_at, data,
       correlation_id, causation_id, traceparent, is_command
FROM outbox WHERE type <> ALL(%(held)s) ORDER BY id LIMIT %(limit)s
"""
# Events leave the outbox for the log and commands leave for good, because they carry personal data. The head's row
# lock is held until commit, so positions appear in the order in which they were given: a cursor cannot miss one.
RECORD = """
WITH sent AS (DELETE FROM outbox WHERE id = ANY(%(ids)s) RETURNING *),
head AS (UPDATE event_log_head SET position = position + %(events)s RETURNING position - %(events)s AS base)
INSERT INTO event_log (position, published_at, event_id, type, subject, sequence, occurred_at, data,
                       correlation_id, causation_id, traceparent)
SELECT base + row_number() OVER (ORDER BY id), now(), event_id, type, subject, sequence, occurred_at, data,
       correlation_id, causation_id, traceparent
FROM sent, head WHERE NOT is_command
"""
WAITED_FOR: tuple[type[Exception], ...] = (sqlalchemy.exc.SQLAlchemyError, *AWAY)
# Answers hold what people were told, so they are kept no longer than somebody may still repeat the request.
FORGET = tuple(
    f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} < now() - {age} LIMIT 5000))"
    for table, column, age in (
        ("idempotency_key", "created_at", "interval '3 days'"),
        ("rate_bucket", "updated_at", "interval '1 day'"),
    )
)
LAG = "SELECT count(*), coalesce(extract(epoch FROM now() - min(written_at)), 0) FROM outbox"


def message_of(row: Any, service: str) -> amqp.Message:
    """The AMQP message of an outbox or event-log row: CloudEvents 1.0, binary mode, persistent."""
    headers = {
        PREFIX + "specversion": "1.0",
        PREFIX + "id": row.event_id,
        PREFIX + "source": f"/{service}",
        PREFIX + "type": row.type,
        PREFIX + "time": row.occurred_at.isoformat(),
        PREFIX + "subject": row.subject,
        PREFIX + "dataschema": f"urn:ioc:schema:{row.type}",
        PREFIX + "sequence": str(row.sequence),
        PREFIX + "correlationid": row.correlation_id,
    }
    if row.causation_id:
        headers[PREFIX + "causationid"] = row.causation_id
    if row.traceparent:
        headers[PREFIX + "traceparent"] = row.traceparent
    return amqp.Message(
        row.data.encode(),
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode=2,
        message_id=row.event_id,
        type=row.type,
        correlation_id=row.correlation_id,
        app_id=service,
        timestamp=int(row.occurred_at.timestamp()),
        application_headers=headers,
    )


class Relay:
    """One process of this class is active per service; the others stand by for its lock."""

    def __init__(self, service: str, database: Database, broker: BrokerSettings, settings: RelaySettings) -> None:
        self.service = service
        self.database = database
        self.broker = broker
        self.settings = settings
        self.stopping = threading.Event()
        self.held: dict[str, float] = {}  # type of command that came back → when to try again
        self.declared: set[str] = set()
        self.month_ensured: datetime.date | None = None
        self.late_at = 0.0  # when to do what need not be done every second
        self.active = False

    def run(self) -> None:
        """Publish until `stopping` is set; a database or broker that is away is waited for."""
        pause = 0.0
        while not self.stopping.wait(pause):
            try:
                pause = self._lead()
            except WAITED_FOR as error:
                if isinstance(error, sqlalchemy.exc.SQLAlchemyError) and not is_away(error):
                    log.exception("relay failed")
                else:
                    log.warning("relay waits for database or broker", error=type(error).__name__, detail=str(error))
                pause = min(5.0, pause * 2 or 0.2)

    def _lead(self) -> float:
        """Take the lock and publish; returns after how many seconds to try again when another relay has it."""
        # Every statement commits by itself: recording is one statement, and an empty look costs one round trip.
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            if not self._take_lock(session):
                return 1.0
            self._ensure_months(session)
            log.info("relay active")
            try:
                self.active = True
                with connected(self.broker) as connection:
                    self.declared = set()
                    self._declare(connection, {f"{self.service}.events"})
                    self._publish_until_stopped(session, connection)
                self._release_lock(session)
            except BaseException:
                session.invalidate()  # gives up the lock even where the server no longer answers
                raise
            finally:
                self.active = False
        return 0.0

    def _publish_until_stopped(self, session: Tx, connection: amqp.Connection) -> None:
        publisher = Publisher(connection, self.broker.timeout_s)
        housekeeping = 0.0
        while not self.stopping.is_set():
            moved = self._move_one_window(session, publisher)
            if time.monotonic() >= housekeeping:
                housekeeping = time.monotonic() + 1.0
                self._keep_house(session, connection)
            if not moved:  # after a window there is often more already, and waiting would be all of its delay
                self.stopping.wait(self.settings.poll_s)

    def _move_one_window(self, session: Tx, publisher: Publisher) -> int:
        rows = self._unsent(session)
        if not rows:
            return 0
        exchanges = {row.exchange for row in rows}
        if not exchanges <= self.declared:
            self._declare(publisher.connection, exchanges)
        outcome = publisher.publish(self._publications(rows))
        if outcome.returned:
            self._hold(rows, set(outcome.returned))
        commands = {row.id for row in rows if row.is_command}
        events = sum(1 for key in outcome.confirmed if key not in commands)
        if outcome.confirmed:
            session.exec_driver_sql(RECORD, {"ids": outcome.confirmed, "events": events})
        metrics.RELAYED.inc(len(outcome.confirmed))
        return len(outcome.confirmed)

    def _unsent(self, session: Tx) -> Sequence[Any]:
        now = time.monotonic()
        self.held = {kind: until for kind, until in self.held.items() if until > now}
        return session.exec_driver_sql(UNSENT, {"held": list(self.held), "limit": self.settings.window}).fetchall()

    def _publications(self, rows: Sequence[Any]) -> Iterator[Publication]:
        for row in rows:
            yield Publication(row.id, row.exchange, row.type, message_of(row, self.service), row.is_command)

    def _hold(self, rows: Sequence[Any], returned: set[int]) -> None:
        """Nobody takes these commands yet: their type waits as a whole, so that their order stays."""
        for kind in {row.type for row in rows if row.id in returned}:
            self.held[kind] = time.monotonic() + self.settings.held_s
            log.warning("commands held: no queue takes them", type=kind, commands=len(returned))

    def _declare(self, connection: amqp.Connection, exchanges: set[str]) -> None:
        """Topic exchanges; that of a command is declared by whoever sends or takes first."""
        channel = connection.channel()
        for exchange in sorted(exchanges - self.declared):
            channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        channel.close()
        self.declared |= exchanges

    def _keep_house(self, session: Tx, connection: amqp.Connection) -> None:
        connection.heartbeat_tick()
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=0.001)
        events, seconds = session.exec_driver_sql(LAG).one()
        metrics.OUTBOX_EVENTS.set(events)
        metrics.OUTBOX_SECONDS.set(float(seconds))
        self._ensure_months(session)
        late = time.monotonic() >= self.late_at
        if late:
            self.late_at = time.monotonic() + 60
            for statement in FORGET:
                session.exec_driver_sql(statement)
        audit.seal(self.database, reach=200_000 if late else 2_000)

    def _ensure_months(self, session: Tx) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        if self.month_ensured == today:
            return
        for day in (today, today.replace(day=1) + datetime.timedelta(days=32)):
            session.exec_driver_sql("SELECT ensure_event_log_month(%(day)s)", {"day": day})
        self.month_ensured = today

    def _take_lock(self, session: Tx) -> bool:
        return bool(session.exec_driver_sql("SELECT pg_try_advisory_lock(%(key)s)", {"key": LOCK}).scalar_one())

    def _release_lock(self, session: Tx) -> None:
        session.exec_driver_sql("SELECT pg_advisory_unlock(%(key)s)", {"key": LOCK})

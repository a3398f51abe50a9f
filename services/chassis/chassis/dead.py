"""Events that wait: parked ones for their next attempt, dead ones for a person who retries or discards them."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import functools
import json
from typing import Any

from marshmallow import fields

from chassis import audit, logs
from chassis.database import Database, Tx
from chassis.events import Fact, Message
from chassis.outbox import announce
from chassis.settings import WorkerSettings
from chassis.storable import cleaned

log = logs.get(__name__)

PARK = """
INSERT INTO parked_event (consumer, event_id, type, subject, body, headers, content_type, state, attempts,
                          next_attempt_at, error_kind, error, died_at)
VALUES (%(consumer)s, %(event_id)s, %(type)s, %(subject)s, %(body)s, %(headers)s, %(content_type)s, %(state)s,
        %(attempts)s, now() + make_interval(secs => %(wait_s)s), %(error_kind)s, %(error)s,
        CASE WHEN %(state)s = 'dead' THEN now() END)
RETURNING id
"""
# Only the oldest parked event of a subject is ever due: order survives retries. The attempt is counted and committed
# before it is made, so that an event that kills the process uses its attempts up too.
CLAIM = """
UPDATE parked_event SET attempts = attempts + 1,
    next_attempt_at = now() + make_interval(secs => least(%(longest)s, %(first)s * 2.0 ^ least(attempts, 60)))
WHERE id = (
    SELECT p.id FROM parked_event p
    WHERE p.consumer = %(consumer)s AND p.state = 'parked' AND p.next_attempt_at <= %(now)s
      AND NOT EXISTS (SELECT 1 FROM parked_event e WHERE e.consumer = p.consumer AND e.subject = p.subject
                      AND e.state = 'parked' AND e.id < p.id)
    ORDER BY p.next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, consumer, event_id, type, subject, body, headers, content_type, attempts
"""
TAKE = """
DELETE FROM parked_event WHERE id IN (
    SELECT id FROM parked_event WHERE id = %(id)s AND state = 'parked' FOR UPDATE SKIP LOCKED) RETURNING id
"""
FAILED = """
UPDATE parked_event SET error_kind = %(kind)s, error = %(error)s,
    state = CASE WHEN %(final)s THEN 'dead' ELSE state END, died_at = CASE WHEN %(final)s THEN now() END
WHERE id = %(id)s AND state = 'parked' RETURNING id
"""
LIST = """
SELECT id, consumer, state, event_id, type, subject, attempts, next_attempt_at, error_kind, error, parked_at, died_at
FROM parked_event WHERE id > %(after)s AND (%(state)s IS NULL OR state = %(state)s)
ORDER BY id LIMIT %(limit)s
"""
GROUPS = """
SELECT consumer, state, coalesce(error_kind, 'behind another event') AS error_kind, type, count(*) AS events,
       min(parked_at) AS oldest_at
FROM parked_event WHERE %(state)s IS NULL OR state = %(state)s GROUP BY 1, 2, 3, 4 ORDER BY events DESC
"""
SHOW = """
SELECT id, consumer, state, event_id, type, subject, attempts, next_attempt_at, error_kind, error, parked_at, died_at,
       body, headers, content_type
FROM parked_event WHERE id = %(id)s
"""
RETRY = """
UPDATE parked_event SET state = 'parked', attempts = 0, next_attempt_at = now(), died_at = NULL
WHERE id = %(id)s RETURNING id
"""
DISCARD = "DELETE FROM parked_event WHERE id = %(id)s RETURNING event_id, type, subject, consumer"


class NoSuchEvent(LookupError):
    """No parked or dead event has this number."""


@dataclasses.dataclass(frozen=True)
class Parked:
    """A parked event claimed for its next attempt, the `attempts`-th."""

    id: int
    consumer: str
    type: str | None
    subject: str | None
    attempts: int
    message: Message


@functools.cache
def event_died(service: str) -> type[Fact]:
    """The announcement that an event of a consumer of `service` is dead; it names the kind of error, not its text."""

    class EventDied(Fact):
        """An event could not be handled and waits for a person."""

        type = f"{service}.event_died.v1"
        consumer = fields.String(required=True, metadata={"description": "inbox or lane that could not handle it"})
        event_id = fields.String(required=True, allow_none=True)
        event_type = fields.String(required=True, allow_none=True)
        error_kind = fields.String(required=True, metadata={"description": "class of the error"})

    return EventDied


def _row(consumer: str, message: Message, state: str, attempts: int, wait_s: float, error: Exception | None) -> Any:
    event_id, kind, subject = (message.attribute(name) for name in ("id", "type", "subject"))
    return {
        "consumer": consumer,
        "event_id": event_id and cleaned(event_id),
        "type": kind and cleaned(kind),
        "subject": subject and cleaned(subject),
        "body": message.body,
        "headers": json.dumps({cleaned(str(key)): cleaned(str(value)) for key, value in message.headers.items()}),
        "content_type": message.content_type and cleaned(message.content_type),
        "state": state,
        "attempts": attempts,
        "wait_s": wait_s,
        "error_kind": error and type(error).__name__,
        "error": error and cleaned(logs.mask_text(str(error)))[:2000],
    }


def park(tx: Tx, consumer: str, message: Message, error: Exception, settings: WorkerSettings) -> None:
    """Set an event aside after its first failure."""
    tx.exec_driver_sql(PARK, _row(consumer, message, "parked", 1, settings.retry_first_s, error))


def park_behind(tx: Tx, consumer: str, message: Message) -> None:
    """Set an event aside, untried, because an earlier one of its subject waits."""
    tx.exec_driver_sql(PARK, _row(consumer, message, "parked", 0, 0.0, None))


def park_claimed(tx: Tx, consumer: str, message: Message, settings: WorkerSettings) -> Parked:
    """Set an event aside as claimed for its first attempt, which the caller makes when this is committed."""
    row = _row(consumer, message, "parked", 1, settings.retry_first_s, None)
    number = tx.exec_driver_sql(PARK, row).scalar_one()
    return Parked(number, consumer, row["type"], row["subject"], 1, message)


def bury(tx: Tx, service: str, consumer: str, message: Message, error: Exception) -> None:
    """Keep a message that no attempt can help, byte for byte, and announce it."""
    row = _row(consumer, message, "dead", 1, 0.0, error)
    tx.exec_driver_sql(PARK, row)
    _announce(tx, service, consumer, row["event_id"], row["type"], row["error_kind"])


def _announce(tx: Tx, service: str, consumer: str, event_id: str | None, kind: str | None, error_kind: str) -> None:
    data = {"consumer": consumer, "event_id": event_id, "event_type": kind, "error_kind": error_kind}
    announce(tx, event_died(service), subject=consumer, data=data)


def claim_due(database: Database, consumer: str, now: datetime.datetime, settings: WorkerSettings) -> Parked | None:
    """Take the next parked event whose time has come and count the attempt; None when nothing is due."""
    with database.transaction() as tx:
        row = tx.exec_driver_sql(
            CLAIM,
            {
                "consumer": consumer,
                "now": now,
                "first": settings.retry_first_s,
                "longest": settings.retry_longest_s,
            },
        ).first()
    if row is None:
        return None
    message = Message(bytes(row.body), row.headers, row.content_type)
    return Parked(row.id, row.consumer, row.type, row.subject, row.attempts, message)


def take(tx: Tx, parked: Parked) -> bool:
    """Remove the row in the transaction of its effect; False when somebody else has it."""
    return tx.exec_driver_sql(TAKE, {"id": parked.id}).first() is not None


def record_failure(database: Database, service: str, parked: Parked, error: Exception, final: bool) -> None:
    """Keep the error of an attempt; after the last one the event is dead, and announced."""
    kind = type(error).__name__
    with database.transaction() as tx:
        values = {"id": parked.id, "kind": kind, "error": cleaned(logs.mask_text(str(error)))[:2000], "final": final}
        changed = tx.exec_driver_sql(FAILED, values).first()
        if changed and final:
            _announce(tx, service, parked.consumer, parked.message.attribute("id"), parked.type, kind)
    log.log(40 if final else 30, "attempt failed", event_type=parked.type, attempts=parked.attempts, error=kind)


def list_events(tx: Tx, state: str | None, after: int, limit: int) -> list[dict[str, Any]]:
    """Parked and dead events, oldest first, without their bodies."""
    rows = tx.exec_driver_sql(LIST, {"state": state, "after": after, "limit": limit})
    return [dict(row._mapping) for row in rows]


def groups(tx: Tx, state: str | None) -> list[dict[str, Any]]:
    """How many wait, by consumer, state, kind of error and type."""
    return [dict(row._mapping) for row in tx.exec_driver_sql(GROUPS, {"state": state})]


def show(tx: Tx, number: int) -> dict[str, Any]:
    """One event with its headers, its bytes in base64 and, where they are text, the text."""
    row = tx.exec_driver_sql(SHOW, {"id": number}).first()
    if row is None:
        raise NoSuchEvent(number)
    found = dict(row._mapping)
    body = bytes(found.pop("body"))
    found["body_base64"] = base64.b64encode(body).decode()
    try:
        found["body_text"] = body.decode()
    except UnicodeDecodeError:
        found["body_text"] = None
    return found


def retry(tx: Tx, number: int) -> None:
    """Give an event its attempts again, from now; audited."""
    if tx.exec_driver_sql(RETRY, {"id": number}).first() is None:
        raise NoSuchEvent(number)
    audit.record(tx, "dead.retry", f"parked_event/{number}")


def discard(tx: Tx, number: int) -> None:
    """Delete an event for good; audited with its id, type and subject."""
    row = tx.exec_driver_sql(DISCARD, {"id": number}).first()
    if row is None:
        raise NoSuchEvent(number)
    audit.record(tx, "dead.discard", f"parked_event/{number}", before=dict(row._mapping))

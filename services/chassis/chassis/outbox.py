"""Announces what happened: the event is written in the transaction of the change, and the relay publishes it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from chassis import context
from chassis.database import Tx
from chassis.events import Command, Fact, encode

# The upsert locks the subject's counter until commit: numbers have no gaps, and the outbox ids of one subject, drawn
# under that lock, are in the order of its commits. `data` is the JSON text exactly as it is published.
ANNOUNCE = """
WITH counter AS (
    INSERT INTO outbox_sequence AS s (exchange, subject, last) VALUES (%(exchange)s, %(subject)s, 1)
    ON CONFLICT (exchange, subject) DO UPDATE SET last = s.last + 1
    RETURNING last
)
INSERT INTO outbox (event_id, exchange, type, subject, sequence, occurred_at, data,
                    correlation_id, causation_id, traceparent, is_command)
SELECT %(event_id)s, %(exchange)s, %(type)s, %(subject)s, last, %(occurred_at)s, %(data)s,
       %(correlation_id)s, %(causation_id)s, %(traceparent)s, %(is_command)s
FROM counter
"""


def announce(
    tx: Tx, fact: type[Fact], subject: str, data: Mapping[str, Any], at: datetime.datetime | None = None
) -> str:
    """Write one event (or command) about `subject` into the outbox, and return its id.

    `at` is when it happened (aware; default now). Raises marshmallow.ValidationError where `data` breaks the contract.
    """
    now = context.current()
    event_id = context.new_id()
    tx.exec_driver_sql(
        ANNOUNCE,
        {
            "event_id": event_id,
            "exchange": fact.exchange(),
            "type": fact.type,
            "subject": subject,
            "occurred_at": at or datetime.datetime.now(datetime.UTC),
            "data": encode(fact, data),
            "correlation_id": now.correlation_id,
            "causation_id": now.causation_id,
            "traceparent": now.traceparent,
            "is_command": issubclass(fact, Command),
        },
    )
    return event_id

"""Announces what happened: the event is written in the transaction of the change, and the relay publishes it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from chassis import context
from chassis.database import Writer
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


# The same for many: a subject's counter is raised once, by as many as it has events, and its events are numbered in the
# order in which they were given. Counters are locked in the order of their keys, so that two batches cannot deadlock.
ANNOUNCE_MANY = """
WITH fresh AS (
    SELECT e.*, rows.ordinality AS place
    FROM jsonb_array_elements(%(entries)s::jsonb) WITH ORDINALITY AS rows(entry, ordinality),
         jsonb_to_record(rows.entry) AS e(event_id uuid, exchange text, type text, subject text,
             occurred_at timestamptz, data text, correlation_id text, causation_id text, traceparent text,
             is_command boolean)
), counter AS (
    INSERT INTO outbox_sequence AS s (exchange, subject, last)
    SELECT exchange, subject, count(*) FROM fresh GROUP BY exchange, subject ORDER BY exchange, subject
    ON CONFLICT (exchange, subject) DO UPDATE SET last = s.last + excluded.last
    RETURNING exchange, subject, last
)
INSERT INTO outbox (event_id, exchange, type, subject, sequence, occurred_at, data,
                    correlation_id, causation_id, traceparent, is_command)
SELECT event_id, exchange, type, subject,
       last + 1 - row_number() OVER (PARTITION BY exchange, subject ORDER BY place DESC),
       occurred_at, data, correlation_id, causation_id, traceparent, is_command
FROM fresh JOIN counter USING (exchange, subject) ORDER BY place
"""


def announce(
    tx: Writer, fact: type[Fact], subject: str, data: Mapping[str, Any], at: datetime.datetime | None = None
) -> str:
    """Write one event (or command) about `subject` into the outbox, and return its id.

    `at` is when it happened (aware; default now). Raises marshmallow.ValidationError where `data` breaks the contract.
    """
    row = entry(fact, subject, data, at)
    tx.exec_driver_sql(ANNOUNCE, row)
    return str(row["event_id"])


def announce_many(tx: Writer, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write many events and commands, made by `entry`, in one statement and in the order given."""
    if entries:
        rows = [dict(row) | {"occurred_at": row["occurred_at"].isoformat()} for row in entries]
        tx.exec_driver_sql(ANNOUNCE_MANY, {"entries": json.dumps(rows, ensure_ascii=False)})


def entry(
    fact: type[Fact], subject: str, data: Mapping[str, Any], at: datetime.datetime | None = None
) -> dict[str, Any]:
    """One event or command of the running context, for `announce_many`; the arguments and errors are those of
    `announce`."""
    now = context.current()
    return {
        "event_id": context.new_id(),
        "exchange": fact.exchange(),
        "type": fact.type,
        "subject": subject,
        "occurred_at": at or datetime.datetime.now(datetime.UTC),
        "data": encode(fact, data),
        "correlation_id": now.correlation_id,
        "causation_id": now.causation_id,
        "traceparent": now.traceparent,
        "is_command": issubclass(fact, Command),
    }

"""Reads the event log: pages for the public feed, and replay of stored events to one consumer."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chassis.broker import connected
from chassis.database import Database, Tx
from chassis.events import CONTENT_TYPE, replays
from chassis.publisher import Publication, Publisher
from chassis.relay import message_of
from chassis.settings import BrokerSettings

COLUMNS = """position, event_id::text, type, subject, sequence, occurred_at, data, correlation_id, causation_id,
       traceparent"""
PAGE = f"""
SELECT {COLUMNS} FROM event_log
WHERE position > %(after)s AND (%(types)s = '{{}}' OR type = ANY(%(types)s)) ORDER BY position LIMIT %(limit)s
"""
STORED = f"""
SELECT {COLUMNS} FROM event_log
WHERE position > %(after)s AND position <= %(until)s AND (%(types)s = '{{}}' OR type = ANY(%(types)s))
  AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
ORDER BY position LIMIT 1000
"""
HEAD = "SELECT position FROM event_log_head"
COUNT = """
SELECT count(*) FROM event_log WHERE (%(types)s = '{}' OR type = ANY(%(types)s))
  AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
"""


class NoSuchConsumer(LookupError):
    """Nothing of this name takes replayed events."""


def read_feed(tx: Tx, after: int, type: Sequence[str], limit: int) -> dict[str, Any]:
    """Events after a position as {"events": […], "next": position}; `next` moves on past events of other types too."""
    head = tx.exec_driver_sql(HEAD).scalar_one()
    rows = tx.exec_driver_sql(PAGE, {"after": after, "types": list(type), "limit": limit}).fetchall()
    last = rows[-1].position if rows else None
    return {
        "events": [cloud_event(row) for row in rows],
        "next": last if len(rows) == limit else max(after, head, last or 0),
    }


def cloud_event(row: Any) -> dict[str, Any]:
    """CloudEvents 1.0 in JSON form, with our `position` as an extension."""
    event = {
        "specversion": "1.0",
        "id": row.event_id,
        "source": f"/{row.type.split('.', 1)[0]}",
        "type": row.type,
        "subject": row.subject,
        "time": row.occurred_at.isoformat(),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": f"urn:ioc:schema:{row.type}",
        "sequence": str(row.sequence),
        "correlationid": row.correlation_id,
        "causationid": row.causation_id,
        "traceparent": row.traceparent,
        "position": row.position,
        "data": json.loads(row.data),
    }
    return {name: value for name, value in event.items() if value is not None}


def replay(
    service: str,
    database: Database,
    broker: BrokerSettings,
    to: str,
    types: Sequence[str] = (),
    since: datetime.datetime | None = None,
    progress: Callable[[int, int], None] = lambda sent, total: None,
) -> int:
    """Send stored events, in publishing order, to one consumer only; its inbox leaves out those it has handled.

    `to` is the consumer's name, such as `stats.inbox`. Returns how many were sent. Raises NoSuchConsumer.
    """
    query = {"types": list(types), "since": since}
    with connected(broker) as connection:
        publisher = Publisher(connection, broker.timeout_s)
        publisher.channel.exchange_declare(replays(service), "direct", durable=True, auto_delete=False)
        with database.transaction() as tx:
            total = tx.exec_driver_sql(COUNT, query).scalar_one()
        sent = 0
        for rows in stored(database, query):
            publications = (
                Publication(row.position, replays(service), to, message_of(row, service), True) for row in rows
            )
            outcome = publisher.publish(publications)
            if len(outcome.confirmed) != len(rows):
                raise NoSuchConsumer(f"no consumer {to} took position {rows[0].position}: is it deployed?")
            sent += len(rows)
            progress(sent, total)
    return sent


def stored(database: Database, query: dict[str, Any]) -> Iterator[Sequence[Any]]:
    """Pages of the log up to where it ended when the replay began."""
    with database.transaction() as tx:
        until = tx.exec_driver_sql(HEAD).scalar_one()
    after = 0
    while True:
        with database.transaction() as tx:
            rows = tx.exec_driver_sql(STORED, {**query, "after": after, "until": until}).fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1].position

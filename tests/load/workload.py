"""The work that every subject of the benchmark does: the events, the tables and the SQL, the same for all."""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

SERVICE = "bench"
EXCHANGE = f"{SERVICE}.events"
EVENT_TYPE = f"{SERVICE}.received.v1"
BODY_BYTES = 500
UNITS = tuple(f"H17.{number:02d}" for number in range(1, 21))

COUNTER = """
CREATE TABLE IF NOT EXISTS counter (
    unit text NOT NULL, day date NOT NULL, received bigint NOT NULL, PRIMARY KEY (unit, day));
"""
TABLES = (
    COUNTER
    + """
CREATE TABLE IF NOT EXISTS inbox (event_id uuid PRIMARY KEY, handled_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, type text NOT NULL,
    subject text NOT NULL, sequence bigint NOT NULL, occurred_at timestamptz NOT NULL, data text NOT NULL);
CREATE TABLE IF NOT EXISTS dossier (
    code text PRIMARY KEY, procedure text NOT NULL, unit text NOT NULL, channel text NOT NULL,
    applicant text NOT NULL, received_at timestamptz NOT NULL);
"""
)

# One by one: the second statement runs only when the first one inserted a row.
INSERT_INBOX = "INSERT INTO inbox (event_id) VALUES (%s) ON CONFLICT DO NOTHING"
ADD_RECEIVED = (
    "INSERT INTO counter (unit, day, received) VALUES (%s, %s, 1)"
    " ON CONFLICT (unit, day) DO UPDATE SET received = counter.received + 1"
)
# The same two statements for a batch (psycopg2.extras.execute_values).
INSERT_INBOX_BATCH = "INSERT INTO inbox (event_id) VALUES %s ON CONFLICT DO NOTHING RETURNING event_id"
ADD_RECEIVED_BATCH = (
    "INSERT INTO counter (unit, day, received) VALUES %s"
    " ON CONFLICT (unit, day) DO UPDATE SET received = counter.received + excluded.received"
)
INSERT_OUTBOX = (
    "INSERT INTO outbox (event_id, type, subject, sequence, occurred_at, data) VALUES (%s, %s, %s, %s, %s, %s)"
)
SELECT_OUTBOX = "SELECT id, event_id, type, subject, sequence, occurred_at, data FROM outbox ORDER BY id LIMIT 100"
DELETE_OUTBOX = "DELETE FROM outbox WHERE id = ANY(%s)"


@dataclass(frozen=True)
class Event:
    """One fact with its CloudEvents attributes; `data` encodes to BODY_BYTES bytes of JSON."""

    id: str
    subject: str
    sequence: int
    time: str
    data: dict[str, Any]

    def body(self) -> bytes:
        return json.dumps(self.data, ensure_ascii=False).encode()

    def headers(self) -> dict[str, str]:
        return cloud_events_headers(self.id, EVENT_TYPE, self.subject, self.sequence, self.time)

    def properties(self) -> dict[str, Any]:
        """AMQP properties next to the headers, as the platform's relay sets them."""
        return {
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "delivery_mode": 2,
            "message_id": self.id,
            "type": EVENT_TYPE,
            "correlation_id": self.id,
            "app_id": SERVICE,
        }


def cloud_events_headers(id: str, type: str, subject: str, sequence: int, time: str) -> dict[str, str]:
    """CloudEvents 1.0 attributes as AMQP headers (binary content mode)."""
    attributes = {
        "specversion": "1.0",
        "id": id,
        "source": f"/{SERVICE}",
        "type": type,
        "time": time,
        "subject": subject,
        "dataschema": f"urn:ioc:schema:{type}",
        "sequence": str(sequence),
        "correlationid": id,
    }
    return {f"cloudEvents:{name}": value for name, value in attributes.items()}


def events(count: int, seed: int = 1) -> Iterator[Event]:
    """Yield `count` events: subjects of five events each, interleaved, `sequence` 1 to 5 without gaps."""
    chance = random.Random(seed)
    start = datetime.now(UTC)
    run = uuid.uuid4().hex[:8]
    for index in range(count):
        subject = f"000.00.01.H17-{run}-{index // 500 * 100 + index % 100:06d}"
        yield _event(chance, start + timedelta(milliseconds=index), subject, index // 100 % 5 + 1)


def _event(chance: random.Random, moment: datetime, subject: str, sequence: int) -> Event:
    data = {
        "code": subject,
        "procedure": "1.004193.000.00.00.H17",
        "unit": chance.choice(UNITS),
        "channel": chance.choice(("counter", "online", "post")),
        "received_at": moment.isoformat(),
        "due_at": (moment + timedelta(days=15)).isoformat(),
        "note": "",
    }
    missing = BODY_BYTES - len(json.dumps(data, ensure_ascii=False).encode())
    data["note"] = "x" * missing
    return Event(str(uuid.uuid4()), subject, sequence, moment.isoformat(), data)

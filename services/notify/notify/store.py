"""All SQL of notify."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.database import Tx
from notify.domain import Outcome, Status

ADD = """
INSERT INTO message (id, reference, template, channel, full_name, email, subject, body, created_at, correlation_id)
VALUES (%(id)s, %(reference)s, %(template)s, 'email', %(full_name)s, %(email)s, %(subject)s, %(body)s, now(),
        %(correlation_id)s)
"""
CLAIM = """
UPDATE message SET status = 'sending', attempts = attempts + 1, claimed_at = now()
WHERE id IN (SELECT id FROM message WHERE status = 'created' AND next_attempt_at <= now()
             ORDER BY next_attempt_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id::text, reference, template, full_name, email, subject, body, attempts, correlation_id, created_at
"""
RECORD = """
UPDATE message SET status = %(status)s, next_attempt_at = coalesce(%(retry_at)s, next_attempt_at), detail = %(detail)s,
    sent_at = CASE WHEN %(status)s = 'sent' THEN %(now)s::timestamptz END
WHERE id = %(id)s AND status = 'sending' RETURNING id
"""
FORSAKEN = """
SELECT id::text, reference, template FROM message
WHERE status = 'sending' AND claimed_at < now() - make_interval(secs => %(age_s)s) FOR UPDATE SKIP LOCKED
"""
LIST = """
SELECT id::text, reference, template, channel, email, subject, status, attempts, detail, created_at, sent_at
FROM message WHERE (%(reference)s IS NULL OR reference = %(reference)s) AND (%(status)s IS NULL OR status = %(status)s)
  AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
NO_MESSAGE = "00000000-0000-0000-0000-000000000000"


def add_message(tx: Tx, message: dict[str, Any]) -> None:
    """Store a message to be sent; its id is the id of the command that ordered it."""
    tx.exec_driver_sql(ADD, message)


def claim(tx: Tx, limit: int) -> list[Any]:
    """Reserve messages whose time has come; the attempt is counted before it is made."""
    return list(tx.exec_driver_sql(CLAIM, {"limit": limit}))


def record(tx: Tx, message_id: str, outcome: Outcome, detail: str | None, now: datetime.datetime) -> bool:
    """Keep the outcome of an attempt; False when somebody else has settled it meanwhile."""
    values = {"id": message_id, "status": outcome.status, "retry_at": outcome.retry_at, "detail": detail, "now": now}
    return tx.exec_driver_sql(RECORD, values).first() is not None


def forsaken(tx: Tx, age_s: float) -> list[Any]:
    """Messages whose sender died in the middle."""
    return list(tx.exec_driver_sql(FORSAKEN, {"age_s": age_s}))


def list_messages(tx: Tx, reference: str | None, status: Status | None, after: str, limit: int) -> list[Any]:
    """Messages in the order in which they were ordered."""
    values = {"reference": reference, "status": status, "after": after, "limit": limit}
    return list(tx.exec_driver_sql(LIST, values))

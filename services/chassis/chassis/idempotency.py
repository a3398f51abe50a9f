"""`Idempotency-Key` (IETF draft): the same POST sent twice has one effect and one answer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import psycopg2.errors
import sqlalchemy
from flask import Response, request

from chassis import context
from chassis.database import Tx
from chassis.problems import Problem

FIND = "SELECT request_hash, status, headers, body FROM idempotency_key WHERE caller = %(caller)s AND key = %(key)s"
KEEP = """
INSERT INTO idempotency_key (caller, key, request_hash, status, headers, body)
VALUES (%(caller)s, %(key)s, %(request_hash)s, %(status)s, %(headers)s, %(body)s)
"""
KEPT_HEADERS = ("Location", "ETag", "Content-Type")
LONGEST_KEY = 200


class Repeated(Exception):
    """The same request is being answered, or was, in another transaction."""


def key() -> str | None:
    """The request's key, or None. Raises Problem 400 for one that is too long or not printable."""
    found = request.headers.get("Idempotency-Key")
    if found is not None and not (0 < len(found) <= LONGEST_KEY and found.isprintable()):
        raise Problem(400, "Bad Idempotency-Key", f"1 to {LONGEST_KEY} printable characters", code="idempotency-key")
    return found


def fingerprint() -> str:
    """What makes a request the same: method, path, query and body."""
    parts = [request.method, request.full_path, request.get_data(cache=True).hex()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_answer(tx: Tx, idempotency_key: str) -> Response | None:
    """The answer given before. Raises Problem 422 where the key was used for another request."""
    row = tx.exec_driver_sql(FIND, {"caller": context.current().caller.subject, "key": idempotency_key}).first()
    if row is None:
        return None
    if row.request_hash != fingerprint():
        raise Problem(422, "Idempotency-Key was used for another request", code="idempotency-key")
    return Response(row.body, status=row.status, headers={**row.headers, "Idempotency-Replayed": "true"})


def keep_answer(tx: Tx, idempotency_key: str, response: Response) -> None:
    """Store the answer in the transaction of its effect. Raises Repeated when another with the key was first."""
    headers: dict[str, Any] = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    try:
        tx.exec_driver_sql(
            KEEP,
            {
                "caller": context.current().caller.subject,
                "key": idempotency_key,
                "request_hash": fingerprint(),
                "status": response.status_code,
                "headers": json.dumps(headers),
                "body": response.get_data(as_text=True),
            },
        )
    except sqlalchemy.exc.IntegrityError as error:
        if isinstance(error.orig, psycopg2.errors.UniqueViolation):
            raise Repeated from None
        raise

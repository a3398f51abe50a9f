"""Cursor pages: `limit` and an opaque `cursor` in, `items` and `next` out, in a stable order."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from chassis.problems import Problem

MOST = 500


class PageArguments(Schema):
    """Query of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, MOST))
    cursor = fields.String(load_default=None, metadata={"description": "`next` of the page before"})


def encode(key: Any) -> str:
    """A cursor that stands for the last row's key."""
    return base64.urlsafe_b64encode(json.dumps(key, default=str).encode()).decode().rstrip("=")


def decode(cursor: str | None, default: Any) -> Any:
    """The key inside a cursor of ours; its shape is that of `default`. Raises Problem 422 for anything else."""
    if cursor is None:
        return default
    try:
        key = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:
        key = None
    if type(key) is not type(default) or (isinstance(key, int) and not 0 <= key < 2**63):
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor that was handed out"}])
    return key


def page(rows: Sequence[Any], limit: int, key: Callable[[Any], Any]) -> dict[str, Any]:
    """The page of rows that were read with `LIMIT limit + 1`."""
    shown = list(rows[:limit])
    return {"items": shown, "next": encode(key(shown[-1])) if len(rows) > limit else None}

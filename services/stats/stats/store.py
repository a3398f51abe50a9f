"""All SQL of stats."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from chassis.database import Tx
from stats.domain import Key

ADD = """
INSERT INTO counter AS c (unit, day, measure, value)
SELECT * FROM unnest(%(units)s, %(days)s::date[], %(measures)s, %(values)s::bigint[])
ON CONFLICT (unit, day, measure) DO UPDATE SET value = c.value + excluded.value
"""
READ = """
SELECT unit, day, measure, value FROM counter
WHERE (%(unit)s IS NULL OR unit = %(unit)s) AND day BETWEEN %(since)s AND %(until)s ORDER BY day, unit, measure
LIMIT 10000
"""


def add(tx: Tx, growth: Sequence[tuple[Key, int]]) -> None:
    """Let counters grow."""
    if growth:
        tx.exec_driver_sql(
            ADD,
            {
                "units": [unit for (unit, _, _), _ in growth],
                "days": [day for (_, day, _), _ in growth],
                "measures": [str(measure) for (_, _, measure), _ in growth],
                "values": [value for _, value in growth],
            },
        )


def read(tx: Tx, unit: str | None, since: datetime.date, until: datetime.date) -> list[Any]:
    """Counters of one unit or all, of days from `since` to `until` inclusive."""
    return list(tx.exec_driver_sql(READ, {"unit": unit, "since": since, "until": until}))

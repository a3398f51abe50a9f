"""All SQL of bench; the counter's is the peers' (tests/load/workload.py)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from chassis.database import Tx

INSERT_DOSSIER = """
INSERT INTO dossier (code, procedure, unit, channel, applicant, received_at)
VALUES (%(code)s, %(procedure)s, %(unit)s, %(channel)s, %(applicant)s, %(received_at)s)
"""
ADD_RECEIVED = (
    "INSERT INTO counter (unit, day, received) VALUES (%s, %s, 1)"
    " ON CONFLICT (unit, day) DO UPDATE SET received = counter.received + 1"
)
ADD_RECEIVED_MANY = (
    "INSERT INTO counter (unit, day, received) SELECT * FROM unnest(%s, %s::date[], %s)"
    " ON CONFLICT (unit, day) DO UPDATE SET received = counter.received + excluded.received"
)


def insert_dossier(tx: Tx, row: Mapping[str, Any]) -> None:
    tx.exec_driver_sql(INSERT_DOSSIER, row)


def add_received(tx: Tx, unit: str, day: date) -> None:
    tx.exec_driver_sql(ADD_RECEIVED, (unit, day))


def add_received_many(tx: Tx, keys: Iterable[tuple[str, date]]) -> None:
    """One upsert for all, in the order of the keys so that two writers cannot deadlock."""
    totals = sorted(Counter(keys).items())
    units, days = [unit for (unit, _), _ in totals], [day for (_, day), _ in totals]
    tx.exec_driver_sql(ADD_RECEIVED_MANY, (units, days, [count for _, count in totals]))

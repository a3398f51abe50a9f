"""All SQL of the ledger."""

from __future__ import annotations

import collections

from chassis.database import Tx
from chassis.events import Event

# The account's row is locked until commit, so `ordinal` is the order in which the effects of an account were committed.
BOOK = """
WITH account AS (
    INSERT INTO balance AS b (account, bookings, amount) VALUES (%(account)s, 1, %(amount)s)
    ON CONFLICT (account) DO UPDATE SET bookings = b.bookings + 1, amount = b.amount + excluded.amount
    RETURNING bookings
)
INSERT INTO booking (account, ordinal, event_id, sequence, amount, occurred_at)
SELECT %(account)s, bookings, %(event_id)s, %(sequence)s, %(amount)s, %(occurred_at)s FROM account RETURNING ordinal
"""
KEEP_TENTH = "INSERT INTO tenth (event_id, account, bookings) VALUES (%(event_id)s, %(account)s, %(bookings)s)"
ADD = """
INSERT INTO total AS t (account, deposits, amount)
SELECT * FROM unnest(%(accounts)s, %(deposits)s::bigint[], %(amounts)s::bigint[])
ON CONFLICT (account) DO UPDATE SET deposits = t.deposits + excluded.deposits, amount = t.amount + excluded.amount
"""


def book(tx: Tx, event: Event) -> int:
    """Book one deposit; the answer is how many the account has now."""
    values = {
        "account": event.subject,
        "event_id": event.id,
        "sequence": event.sequence,
        "amount": event.data["amount"],
        "occurred_at": event.time,
    }
    ordinal: int = tx.exec_driver_sql(BOOK, values).scalar_one()
    return ordinal


def keep_tenth(tx: Tx, event: Event) -> None:
    """Keep that a follow-up arrived."""
    values = {"event_id": event.id, "account": event.subject, "bookings": event.data["bookings"]}
    tx.exec_driver_sql(KEEP_TENTH, values)


def add(tx: Tx, events: list[Event]) -> None:
    """Let the totals of the accounts grow; in the order of the accounts, so that two workers do not deadlock."""
    deposits, amounts = collections.Counter[str](), collections.Counter[str]()
    for event in events:
        deposits[event.subject] += 1
        amounts[event.subject] += event.data["amount"]
    accounts = sorted(deposits)
    values = {
        "accounts": accounts,
        "deposits": [deposits[account] for account in accounts],
        "amounts": [amounts[account] for account in accounts],
    }
    tx.exec_driver_sql(ADD, values)

"""All SQL of the teller."""

from __future__ import annotations

from chassis.database import Tx
from chassis.outbox import announce
from teller.events import Deposited

KEEP = "INSERT INTO deposit (event_id, account, amount, trouble) VALUES (%(id)s, %(account)s, %(amount)s, %(trouble)s)"


def deposit(tx: Tx, account: str, amount: int, trouble: str, times: int) -> str:
    """Keep a deposit and announce it; the row is what the end of the run holds against the effects."""
    event_id = announce(tx, Deposited, account, {"amount": amount, "trouble": trouble, "times": times})
    tx.exec_driver_sql(KEEP, {"id": event_id, "account": account, "amount": amount, "trouble": trouble})
    return event_id

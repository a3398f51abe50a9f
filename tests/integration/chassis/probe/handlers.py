"""Handlers that leave an effect in the database, a line in a journal outside it, and obey the table `told`."""

from __future__ import annotations

from chassis.worker import handles  # isort: skip  (eventlet patches the standard library first)

import os
import time

import psycopg2

from chassis.database import Tx
from chassis.events import Event
from chassis.outbox import announce
from tests.integration.chassis.probe.events import NAME, Counted, Echoed, Order, Renamed, Summed

EFFECT = """
INSERT INTO effect (event_id, type, subject, sequence, pid, correlation_id)
VALUES (%(id)s, %(type)s, %(subject)s, %(sequence)s, %(pid)s, %(correlation_id)s)
"""
TOLD = "SELECT what FROM told WHERE subject IN (%(subject)s, '*') AND times > 0"
COUNT_DOWN = "UPDATE told SET times = times - 1 WHERE subject IN (%(subject)s, '*')"


class Told(Exception):
    """The test told the handler to fail."""


def leave_effect(event: Event, tx: Tx) -> None:
    """One row an event, and nothing that would hide a second one."""
    values = {"id": event.id, "type": event.type, "subject": event.subject, "sequence": event.sequence}
    tx.exec_driver_sql(EFFECT, values | {"pid": os.getpid(), "correlation_id": event.correlation_id})


def note_invocation(event: Event) -> None:
    """A line in the journal: it stays when the transaction is rolled back, and when the database is away."""
    line = f"{event.id} {event.subject} {event.sequence} {os.getpid()}\n"
    journal = os.open(os.environ["PROBE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(journal, line.encode())
    os.close(journal)


def obey(event: Event, tx: Tx) -> None:
    """Do what the table `told` says about the subject; each time counts, whatever becomes of the transaction."""
    told = tx.exec_driver_sql(TOLD, {"subject": event.subject}).scalar()
    if told is None:
        return
    outside = psycopg2.connect(os.environ["DATABASE_URL"])
    with outside, outside.cursor() as cursor:
        cursor.execute(COUNT_DOWN, {"subject": event.subject})
    outside.close()
    match told:
        case "fail":
            raise Told(f"{event.subject} was told to fail for citizen@example.vn")
        case "kill":
            os._exit(9)
        case "hang":
            while tx.exec_driver_sql("SELECT 1 FROM told WHERE subject = %(s)s", {"s": event.subject}).first():
                time.sleep(0.02)
        case "slow":
            time.sleep(0.3)


class Probe:
    """The handlers."""

    name = NAME

    @handles(Counted)
    @handles(Renamed)
    def on_fact(self, event: Event, tx: Tx) -> None:
        """Leave an effect, after doing what was told."""
        note_invocation(event)
        obey(event, tx)
        leave_effect(event, tx)
        if event.data.get("echo"):
            announce(tx, Echoed, event.subject, {"of": event.id})

    @handles(Summed, many=True, lane="sums")
    def on_summed(self, events: list[Event], tx: Tx) -> None:
        """The same for a list, in a lane of its own."""
        for event in events:
            note_invocation(event)
            obey(event, tx)
            leave_effect(event, tx)

    @handles(Order)
    def on_order(self, event: Event, tx: Tx) -> None:
        """Orders leave effects too."""
        note_invocation(event)
        leave_effect(event, tx)

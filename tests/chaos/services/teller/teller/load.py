"""Commits deposits at a steady rate from several threads; some roll back, some commit late and out of order."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import signal
import threading
import time
from pathlib import Path

import click
import sqlalchemy

from chassis import logs
from chassis.cli import open_database, start
from chassis.database import Database
from chassis.service import Service
from teller import store

log = logs.get(__name__)
THREADS = 6
ROLLED_BACK = 0.03
LATE = 0.05
LONGEST_DELAY_S = 0.8
KILLS = 0.0002  # of deposits make the worker that handles them die in mid-transaction
DOOMED = 0.0004  # of deposits can never be handled; they have accounts of their own


@dataclasses.dataclass(frozen=True)
class Deposit:
    """One deposit as the seed wants it."""

    account: str
    amount: int
    trouble: str
    times: int


class Till:
    """Hands out numbered transactions at the rate; what falls behind in an outage is not caught up."""

    def __init__(self, seed: str, rate: float, accounts: int, failing: float) -> None:
        self.seed = seed
        self.rate = rate
        self.accounts = accounts
        self.failing = failing
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.due = time.monotonic()
        self.open = threading.Event()  # closed by SIGUSR1, open again by SIGUSR2
        self.open.set()

    def next(self) -> tuple[float, random.Random]:
        """When the next transaction is due, and the randomness that belongs to its number."""
        with self.lock:
            self.due = max(self.due + 1 / self.rate, time.monotonic() - 0.5)
            return self.due, random.Random(f"{self.seed}/{next(self.numbers)}")

    def deposits(self, dice: random.Random) -> list[Deposit]:
        """One deposit, or a few in one transaction; in the order of the accounts, so that writers do not deadlock."""
        drawn = [self._deposit(dice) for _ in range(dice.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 4)))]
        return sorted(drawn, key=lambda deposit: deposit.account)

    def _deposit(self, dice: random.Random) -> Deposit:
        account = f"account-{int(self.accounts * dice.random() ** 2):04}"  # some are used far more than others
        amount, lot = dice.randrange(1, 1000), dice.random()
        if lot < DOOMED:
            return Deposit(f"doomed-{dice.randrange(3)}", amount, "doom", 0)
        if lot < DOOMED + KILLS:
            return Deposit(account, amount, "kill", 1)
        if lot < DOOMED + KILLS + self.failing:
            return Deposit(account, amount, dice.choice(("raise", "raise", "sql")), dice.choice((1, 2, 2, 3)))
        return Deposit(account, amount, "slow" if lot > 0.999 else "none", 0)


class Clerk(threading.Thread):
    """One thread that commits, and writes down which deposits it knows to be committed."""

    def __init__(self, number: int, till: Till, database: Database, receipts: int, stopping: threading.Event) -> None:
        super().__init__(name=f"clerk-{number}")
        self.till = till
        self.database = database
        self.receipts = receipts
        self.stopping = stopping

    def run(self) -> None:
        while True:
            self.till.open.wait()
            due, dice = self.till.next()
            if self.stopping.wait(max(0.0, due - time.monotonic())):
                return
            try:
                self._commit(dice)
            except sqlalchemy.exc.SQLAlchemyError as error:  # whether it was committed, the end of the run will tell
                log.warning("deposit uncertain", error=type(error).__name__)
                self.stopping.wait(0.2)

    def _commit(self, dice: random.Random) -> None:
        deposits = self.till.deposits(dice)
        with self.database.engine.connect() as connection:
            tx = connection.begin()
            ids = [store.deposit(connection, **dataclasses.asdict(deposit)) for deposit in deposits]
            if dice.random() < LATE:
                time.sleep(dice.uniform(0.0, LONGEST_DELAY_S))
            if dice.random() < ROLLED_BACK:
                tx.rollback()
                self._note("rolled-back", ids)
            else:
                tx.commit()
                self._note("committed", ids)

    def _note(self, outcome: str, ids: list[str]) -> None:
        lines = "".join(f"{outcome} {event_id}\n" for event_id in ids)
        os.write(self.receipts, lines.encode())  # one write: no line is ever cut or mixed with another thread's


@click.command()
@click.option("--seed", required=True)
@click.option("--rate", type=float, required=True, help="Transactions per second.")
@click.option("--accounts", type=int, required=True)
@click.option("--failing", type=float, required=True, help="Share of deposits whose first attempts fail.")
@click.option("--receipts", type=click.Path(path_type=Path), required=True, help="File that outcomes are added to.")
@click.pass_obj
def load(service: Service, seed: str, rate: float, accounts: int, failing: float, receipts: Path) -> None:
    """Deposit until SIGTERM; SIGUSR1 makes a pause, which SIGUSR2 ends."""
    start(service, "load")
    stopping = threading.Event()
    till = Till(seed, rate, accounts, failing)
    signal.signal(signal.SIGTERM, lambda *_: (stopping.set(), till.open.set()))
    signal.signal(signal.SIGUSR1, lambda *_: till.open.clear())
    signal.signal(signal.SIGUSR2, lambda *_: till.open.set())
    database = open_database(service, "load")
    file = os.open(receipts, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    clerks = [Clerk(number, till, database, file, stopping) for number in range(THREADS)]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()

"""Holds what was committed against what came of it, event by event, and says what is wrong."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.arena import Arena
from tests.chaos.repeats import Poison

DEPOSITS = "SELECT event_id::text, account, amount, trouble FROM deposit"
LOG = "SELECT position, event_id::text, type, subject, sequence FROM event_log ORDER BY position"
BOOKINGS = """
SELECT event_id::text, account, ordinal, sequence, amount, booked_at,
       extract(epoch FROM booked_at - occurred_at) AS took
FROM booking ORDER BY account, ordinal
"""
TOTALS = "SELECT account, deposits, amount FROM total"
TENTHS = "SELECT event_id::text FROM tenth"
WAITING = "SELECT consumer, event_id, type, subject, state, attempts, error_kind, error, body FROM parked_event"
DOOM = "doom"


@dataclasses.dataclass
class Found:
    """Everything that the two databases hold when the run is over."""

    deposits: list[Any]
    teller_log: list[Any]
    ledger_log: list[Any]
    bookings: list[Any]
    totals: list[Any]
    tenths: list[str]
    waiting: list[Any]
    receipts: dict[str, set[str]]  # by outcome, the ids that the load is certain of

    @classmethod
    def read(cls, arena: Arena, receipts: Path) -> Found:
        """Look into both databases and into what the load wrote down."""
        outcomes: dict[str, set[str]] = collections.defaultdict(set)
        for line in receipts.read_text().splitlines() if receipts.exists() else []:
            outcome, event_id = line.split()
            outcomes[outcome].add(event_id)
        return cls(
            deposits=arena.rows("teller", DEPOSITS),
            teller_log=arena.rows("teller", LOG),
            ledger_log=arena.rows("ledger", LOG),
            bookings=arena.rows("ledger", BOOKINGS),
            totals=arena.rows("ledger", TOTALS),
            tenths=[row.event_id for row in arena.rows("ledger", TENTHS)],
            waiting=arena.rows("ledger", WAITING),
            receipts=outcomes,
        )


@dataclasses.dataclass
class Verdict:
    """Figures of a run; `wrong` names, per kind of fault of the platform, the events it happened to."""

    accepted: int
    effects: int
    dead_with_cause: int
    repeats_in_log: int
    longest_outage_s: float
    took_s: tuple[float, float, float]  # p50, p99, longest, from the event's time to its effect
    follow_ups: int
    wrong: dict[str, list[str]]

    @property
    def clean(self) -> bool:
        return not any(self.wrong.values())


def judge(found: Found, poisons: dict[str, Poison]) -> Verdict:
    """Compare. Every list in `wrong` must be empty."""
    accepted = {row.event_id for row in found.deposits}
    doomed = {row.event_id for row in found.deposits if row.trouble == DOOM}
    booked = collections.Counter(row.event_id for row in found.bookings)
    announced = {row.event_id for row in found.ledger_log if row.type == "ledger.tenth_booked.v1"}
    tenths = collections.Counter(found.tenths)
    dead, without_cause = _dead(found, doomed, poisons)
    wrong = {
        "acknowledged commit gone": sorted(found.receipts["committed"] - accepted),
        "rolled back but there": sorted(found.receipts["rolled-back"] & (accepted | booked.keys())),
        "lost": sorted(accepted - doomed - booked.keys()),
        "doubled": [event_id for event_id, times in booked.items() if times > 1],
        "effect of nothing": sorted(booked.keys() - accepted),
        "effect although doomed": sorted(doomed & booked.keys()),
        "out of order": _out_of_order((row.account, row.sequence, row.event_id) for row in found.bookings),
        "totals wrong (accounts)": _wrong_totals(found, doomed),
        "follow-up lost": sorted(announced - tenths.keys()),
        "follow-up doubled": [event_id for event_id, times in tenths.items() if times > 1],
        "follow-ups announced wrongly": _wrong_follow_ups(found),
        "dead without cause": without_cause,
        "doomed but not dead": _not_dead(found, doomed),
        "undecodable lost or doubled": _poisons_wrong(found, poisons),
        "deaths announced wrongly": _wrong_deaths(found),
        "still parked": [str(row.event_id) for row in found.waiting if row.state == "parked"],
        **_log_wrong("teller log", found.teller_log, accepted),
        **_log_wrong("ledger log", found.ledger_log, None),
    }
    times = sorted(float(row.took) for row in found.bookings)
    return Verdict(
        accepted=len(accepted),
        effects=sum(booked.values()),
        dead_with_cause=dead,
        repeats_in_log=len(found.teller_log) - len({row.event_id for row in found.teller_log}),
        longest_outage_s=_longest_gap([row.booked_at for row in found.bookings]),
        took_s=(_quantile(times, 0.5), _quantile(times, 0.99), times[-1]) if times else (0.0, 0.0, 0.0),
        follow_ups=len(found.tenths),
        wrong=wrong,
    )


def whereabouts(found: Found, event_ids: Iterable[str], inbox: Sequence[Any], outbox: Sequence[Any]) -> list[str]:
    """For each event everything that is known of it: where whoever digs begins."""
    deposits = {row.event_id: row for row in found.deposits}
    logged = {row.event_id: row for row in found.teller_log}
    lines = []
    for event_id in event_ids:
        places = [f"outbox {row.id}" for row in outbox if row.event_id == event_id]
        places += [f"log {logged[event_id].position}" if event_id in logged else "not in the log"]
        places += [f"inbox of {row.consumer}" for row in inbox if row.event_id == event_id]
        places += [f"{row.state} in {row.consumer}: {row.error}" for row in found.waiting if row.event_id == event_id]
        bookings = [row for row in found.bookings if row.event_id == event_id]
        places += [f"booked as {row.ordinal} at {row.booked_at:%H:%M:%S.%f}" for row in bookings]
        deposit = deposits.get(event_id)
        who = f"{deposit.account} trouble={deposit.trouble}" if deposit else "no deposit"
        sequence = f"sequence {logged[event_id].sequence}" if event_id in logged else ""
        lines.append(f"{event_id} {who} {sequence}: {'; '.join(places)}")
    return lines


def _out_of_order(rows: Iterable[tuple[str, int, str]]) -> list[str]:
    """Events that came after a later one of their subject; rows in the order of their effects."""
    newest: dict[str, int] = collections.defaultdict(int)
    wrong = []
    for subject, sequence, event_id in rows:
        if sequence < newest[subject]:
            wrong.append(event_id)
        newest[subject] = max(newest[subject], sequence)
    return wrong


def _wrong_totals(found: Found, doomed: set[str]) -> list[str]:
    """Accounts whose total, kept by the lane that handles lists, is not the sum of its deposits."""
    deposits, amounts = collections.Counter[str](), collections.Counter[str]()
    for row in found.deposits:
        if row.event_id not in doomed:
            deposits[row.account] += 1
            amounts[row.account] += row.amount
    kept = {row.account: (row.deposits, row.amount) for row in found.totals}
    accounts = deposits.keys() | kept.keys()
    return [
        f"{account}: {kept.get(account, (0, 0))} instead of {(deposits[account], amounts[account])}"
        for account in sorted(accounts)
        if kept.get(account, (0, 0)) != (deposits[account], amounts[account])
    ]


def _wrong_follow_ups(found: Found) -> list[str]:
    """Every tenth booking of an account announces one: in the transaction of the booking, so neither more nor fewer."""
    due = collections.Counter(row.account for row in found.bookings if row.ordinal % 10 == 0)
    announced = collections.Counter(row.subject for row in found.ledger_log if row.type == "ledger.tenth_booked.v1")
    return [account for account in due.keys() | announced.keys() if due[account] != announced[account]]


def _dead(found: Found, doomed: set[str], poisons: dict[str, Poison]) -> tuple[int, list[str]]:
    """How many are dead as they must be, and which are dead and should not."""
    without_cause = []
    dead = [row for row in found.waiting if row.state == "dead"]
    for row in dead:
        if row.event_id not in doomed and not any(marker.encode() in bytes(row.body) for marker in poisons):
            without_cause.append(f"{row.event_id} in {row.consumer} after {row.attempts}: {row.error_kind} {row.error}")
    return len(dead) - len(without_cause), without_cause


def _not_dead(found: Found, doomed: set[str]) -> list[str]:
    """A doomed event is dead once in each of the two lanes."""
    dead = collections.Counter(row.event_id for row in found.waiting if row.state == "dead")
    return [f"{event_id}: dead {dead[event_id]} times" for event_id in doomed if dead[event_id] != 2]


def _poisons_wrong(found: Found, poisons: dict[str, Poison]) -> list[str]:
    """Each is kept, byte for byte, in both lanes; more than once only where nothing in it tells that it came before."""
    wrong = []
    for marker, poison in poisons.items():
        kept = collections.Counter(row.consumer for row in found.waiting if marker.encode() in bytes(row.body))
        for lane in ("ledger.inbox", "ledger.totals"):
            few = poison.confirmed and not kept[lane]
            many = poison.recognisable and kept[lane] > 1
            if few or many:
                wrong.append(f"{marker}: {kept[lane]} times in {lane}")
    return wrong


def _wrong_deaths(found: Found) -> list[str]:
    dead = sum(1 for row in found.waiting if row.state == "dead")
    announced = sum(1 for row in found.ledger_log if row.type == "ledger.event_died.v1")
    return [] if dead == announced else [f"{dead} dead, {announced} announced"]


def _log_wrong(name: str, log: Sequence[Any], accepted: set[str] | None) -> dict[str, list[str]]:
    """The log holds each event once, positions 1, 2, 3 … without a gap, the events of a subject in their order."""
    times = collections.Counter(row.event_id for row in log)
    sequences: dict[str, list[int]] = collections.defaultdict(list)
    for row in log:
        sequences[row.subject].append(row.sequence)
    wrong = {
        f"{name}: doubled": [event_id for event_id, count in times.items() if count > 1],
        f"{name}: positions with gaps": [
            str(row.position) for expected, row in enumerate(log, start=1) if row.position != expected
        ][:5],
        f"{name}: subjects out of order": [
            subject for subject, found in sequences.items() if found != list(range(1, len(found) + 1))
        ],
    }
    if accepted is not None:
        wrong[f"{name}: lost"] = sorted(accepted - times.keys())
        wrong[f"{name}: of nothing"] = sorted(times.keys() - accepted)
    return wrong


def _longest_gap(moments: Iterable[datetime.datetime]) -> float:
    """The longest time in which nothing was booked, in seconds."""
    ordered = sorted(moments)
    gaps = ((later - earlier).total_seconds() for earlier, later in itertools.pairwise(ordered))
    return max(gaps, default=0.0)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

"""`python -m tests.chaos --seconds 60 --seed 7`: one run, its figures, exit code 1 where an event was lost or doubled."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import amqp
import psycopg2

from infra.local.progress import Refused
from tests.chaos import report, schedule, verdict
from tests.chaos.arena import NAMES, Arena, eventually
from tests.chaos.children import LOAD, RELAYS, ROSTER, WORKERS, Children
from tests.chaos.faults import Mischief

START_S = 90.0
LONGEST_DRAIN = 10  # times the patience
OUTBOX = "SELECT count(*) AS n FROM outbox"
LEDGER = """
SELECT (SELECT count(*) FROM parked_event WHERE state = 'parked') AS parked, (SELECT count(*) FROM inbox) AS effects
"""
SEND_HOME = ("The state of the run is in {folder} (logs of each process) and in the databases teller and ledger;\n"
             "`STATE={state} PORT_BASE={base} python3 -m infra.local servers up` starts them again.")  # fmt: skip


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        epilog="Runs on private servers (STATE, default .run/chaos; PORT_BASE, default 31000), starts and stops them. "
        "Exit codes: 0 every event accounted for, 1 not, 2 the run could not be made, 130 interrupted.",
    )
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long faults happen, without what slow servers take (default 60)"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws the faults and the load (default 1)")
    parser.add_argument("--rate", type=float, default=40, help="transactions per second (default 40)")
    parser.add_argument("--accounts", type=int, default=300, help="subjects of the events (default 300)")
    parser.add_argument("--failing", type=float, default=2, help="%% of events whose first attempts fail (default 2)")
    parser.add_argument(
        "--patience", type=float, default=120, help="seconds without progress that draining may have (default 120)"
    )
    for name, means in (("--only", "only faults of a kind or a target with this word"), ("--skip", "none with this")):
        parser.add_argument(name, metavar="WORD", action="append", default=[], help=f"{means}; may be repeated")
    parser.add_argument("--plan", action="store_true", help="print the faults of this seed and stop")
    parser.add_argument("--keep", action="store_true", help="leave the servers running")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """One run; returns the exit code."""
    chosen = options(arguments)
    faults = schedule.plan(chosen.seed, chosen.seconds, schedule.deck(chosen.only, chosen.skip))
    if chosen.plan:
        for fault in faults:
            print(f"{fault.at_s:7.2f} s  {fault}")
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with _arena(keep=chosen.keep) as arena:
            return 0 if _run(arena, chosen, faults) else 1
    except (Refused, psycopg2.Error, amqp.exceptions.AMQPError, OSError) as error:
        print(f"\nthe run could not be made: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _arena(keep: bool) -> Iterator[Arena]:
    arena = Arena.chosen()
    with arena.occupied():
        try:
            arena.open()
            yield arena
        finally:
            if not keep:
                arena.close()


def _run(arena: Arena, chosen: argparse.Namespace, faults: list[schedule.Fault]) -> bool:
    receipts = arena.folder / "receipts"
    load = ["--seed", str(chosen.seed), "--rate", str(chosen.rate), "--accounts", str(chosen.accounts)]
    load += ["--failing", str(chosen.failing / 100), "--receipts", str(receipts)]
    with Children(arena, tuple(load)) as children:
        _start(children)
        progress = report.Progress(arena)
        progress.start()
        mischief = Mischief(arena, children, chosen.seed, progress.say)
        try:
            children.start(LOAD)
            if not eventually(lambda: mischief.effects() > 0, START_S):
                raise Refused(f"no event had an effect within {START_S:.0f} s; see the logs in {arena.folder}")
            mischief.run(faults, chosen.seconds)
            progress.say("no more faults, no more load: what is away comes back, what waits is handled")
            children.stop(LOAD)
            mischief.finish()
            drained_s = _drain(arena, children, chosen.patience)
        finally:
            mischief.stop()
            progress.closing.set()
        children.stop(*ROSTER)
    found = verdict.Found.read(arena, receipts)
    judged = verdict.judge(found, mischief.repeater.poisons)
    logged, judged.wrong["errors of the platform's own"] = report.errors(arena.folder)
    print(report.final(judged, mischief.done, children, drained_s, mischief.repeater.repeated))
    print("\n" + report.table("ERRORS LOGGED", logged))
    passed = judged.clean and drained_s is not None
    if not passed:
        _explain(arena, found, judged)
    verdict_word = "PASSED" if passed else "FAILED"
    print(f"\n{verdict_word}  seed {chosen.seed}, {chosen.seconds:g} s, {sum(mischief.done.values())} faults")
    return passed


def _start(children: Children) -> None:
    """Workers first: an event to which no queue is bound yet would stay in the log, and count as lost."""
    for names in (WORKERS, RELAYS):
        children.start(*names)
        if not eventually(lambda: all(children.by_name[name].ready() for name in names), START_S):  # noqa: B023
            raise Refused(f"not ready after {START_S:.0f} s: {', '.join(names)}; see the logs in the state folder")


def _drain(arena: Arena, children: Children, patience_s: float) -> float | None:
    """Wait until nothing is on its way any more; the seconds it took, or None where nothing moves for `patience_s`.

    A queue does not tell what a live consumer holds, so in the end all stop in order, and what they held would be back.
    """
    started = moved = time.monotonic()
    seen: Waiting | None = None
    while (now := time.monotonic()) - moved < patience_s and now - started < LONGEST_DRAIN * patience_s:
        found = _waiting(arena)
        if found != seen:
            seen, moved = found, now
        if found and found.nothing:
            seconds = now - started
            children.stop(*ROSTER)
            if (left := _waiting(arena)) and left.nothing:
                return seconds
            children.start(*ROSTER)
        time.sleep(0.5)
    return None


class Waiting(NamedTuple):
    """What is on its way; `effects` shows that something moves."""

    outboxes: int
    parked: int
    queued: int
    effects: int

    @property
    def nothing(self) -> bool:
        return not (self.outboxes or self.parked or self.queued)


def _waiting(arena: Arena) -> Waiting | None:
    """None while a server does not answer."""
    try:
        outboxes = sum(arena.rows(name, OUTBOX)[0].n for name in NAMES)
        ledger = arena.rows("ledger", LEDGER)[0]
        return Waiting(outboxes, ledger.parked, sum(arena.queued().values()), ledger.effects)
    except (psycopg2.Error, amqp.exceptions.AMQPError, OSError):
        return None


def _explain(arena: Arena, found: verdict.Found, judged: verdict.Verdict) -> None:
    """Everything known of the first events of each kind of wrong."""
    inbox = arena.rows("ledger", "SELECT consumer, event_id::text FROM inbox")
    outbox = arena.rows("teller", "SELECT id, event_id::text FROM outbox")
    for name, events in judged.wrong.items():
        if events:
            print(f"\n{name}:")
            known = {row.event_id for row in found.deposits} | {row.event_id for row in found.bookings}
            for event in events[:10]:
                lines = verdict.whereabouts(found, [event], inbox, outbox) if event in known else [event]
                print("  " + lines[0])
    print()
    base = arena.stack.port_base
    print(SEND_HOME.format(folder=arena.folder, state=arena.stack.state, base=base))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Prints progress while a run goes on, and its figures at the end."""

from __future__ import annotations

import collections
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2

from tests.chaos.arena import Arena
from tests.chaos.children import Child, Children
from tests.chaos.verdict import Verdict

TELLER = "SELECT (SELECT count(*) FROM deposit) AS accepted, (SELECT count(*) FROM outbox) AS outbox"
LEDGER = """
SELECT (SELECT count(*) FROM booking) AS effects, (SELECT count(*) FROM outbox) AS outbox,
       (SELECT count(*) FROM parked_event WHERE state = 'parked') AS parked,
       (SELECT count(*) FROM parked_event WHERE state = 'dead') AS dead
"""
BLAMELESS = ("psycopg2.",)  # a server's answer that the chassis did not expect: printed, and no reason to fail


class Progress(threading.Thread):
    """A line every few seconds; counts what can be counted, with a dash for a database that is away."""

    def __init__(self, arena: Arena, every_s: float = 3.0) -> None:
        super().__init__(name="progress", daemon=True)
        self.arena = arena
        self.every_s = every_s
        self.started = time.monotonic()
        self.closing = threading.Event()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", file=sys.stderr, flush=True)

    def run(self) -> None:
        while not self.closing.wait(self.every_s):
            figures = {**self._ask("teller", TELLER), **self._ask("ledger", LEDGER, "ledger ")}
            self.say("           " + "  ".join(f"{name} {value}" for name, value in figures.items()))

    def _ask(self, name: str, statement: str, prefix: str = "") -> dict[str, object]:
        try:
            found = self.arena.rows(name, statement)[0]._asdict()
        except psycopg2.Error:
            return {name: "away"}
        return {(prefix + key if key == "outbox" else key): value for key, value in found.items()}


def table(title: str, rows: Sequence[tuple[str, object]]) -> str:
    """Two columns under a title."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in rows)])


def final(
    verdict: Verdict, faults: Mapping[str, int], children: Children, drained_s: float | None, repeats: int
) -> str:
    """The figures of a run, faults first, what is wrong last."""
    low, high, most = verdict.took_s
    figures: list[tuple[str, object]] = [
        ("faults", sum(faults.values())),
        ("repeated events sent", repeats),
        ("accepted (committed events)", verdict.accepted),
        ("effects", verdict.effects),
        ("follow-ups", verdict.follow_ups),
        ("dead, with cause", verdict.dead_with_cause),
        ("longest outage survived", f"{verdict.longest_outage_s:.1f} s without an effect"),
        ("event to effect", f"p50 {low * 1000:.0f} ms, p99 {high:.1f} s, longest {most:.1f} s"),
        ("drain", "NOT DRAINED" if drained_s is None else f"{drained_s:.1f} s"),
    ]
    return "\n\n".join(
        [
            table("FAULTS", sorted(faults.items())),
            table("PROCESSES", [(child.name, _life(child)) for child in children.by_name.values()]),
            table("FIGURES", figures),
            table("MUST BE 0", [(name, len(events)) for name, events in verdict.wrong.items()]),
        ]
    )


def _life(child: Child) -> str:
    ends = collections.Counter(child.ends)
    codes = ", ".join(f"{count} × {_code(code)}" for code, count in sorted(ends.items()))
    stops = child.stop_seconds
    slowest = f"; slowest SIGTERM {max(stops):.1f} s" if stops else ""
    over = f"; KILLED AFTER SIGTERM {child.overstayed} ×" if child.overstayed else ""
    return f"{child.starts} starts; ended: {codes or 'never'}{slowest}{over}"


def _code(code: int) -> str:
    return {0: "in order", -9: "killed"}.get(code, f"code {code}")


def errors(folder: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """What the processes logged as errors, counted; and those among it that no server or network can be blamed for."""
    found: collections.Counter[str] = collections.Counter()
    ours: set[str] = set()
    for path in sorted(folder.glob("*.log")):
        job = path.stem.rsplit("-", 1)[0] if path.stem[-1].isdigit() else path.stem
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                if line.startswith("Traceback"):
                    found[f"{job}: traceback outside the log"] += 1
                continue
            if entry.get("level") in ("error", "critical"):
                cause = _cause(entry)
                told = f"{job}: {entry['event']} {cause[:100]}".strip()
                found[told] += 1
                if "exception" in entry and not any(word in entry["exception"] for word in BLAMELESS):
                    ours.add(f"{told} ({path.name})")
    return found.most_common(25), sorted(ours)


def _cause(entry: dict[str, Any]) -> str:
    """The error itself: the first line without indentation after the last traceback, else what the line names."""
    lines = entry.get("exception", "").rpartition("Traceback (most recent call last)")[2].splitlines()
    named = [line for line in lines[1:] if line[:1].strip()]
    return str(named[0] if named else entry.get("error", ""))

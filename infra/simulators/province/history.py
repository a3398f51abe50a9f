"""Gives the province a past: the histories of days gone by, imported as another one-stop system would hand them over."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator

from infra.simulators.province import worktime
from infra.simulators.province.api import Api
from infra.simulators.province.lives import Plan
from infra.simulators.province.office import READER

IMPORTER = "importer"
LINES_A_LOAD = 1000


def is_empty(api: Api) -> bool:
    """Whether nobody ever filed anything here."""
    return not api.call("GET", "/v1/dossiers", READER, limit=1).json()["items"]


def fast_forward(
    api: Api, plan: Plan, days: int, per_hour: float, now: datetime.datetime, log: Callable[[str], None] = print
) -> dict[str, int]:
    """Import what `days` days before today would have left, up to now; what is there already stays as it is.

    Returns how many dossiers were added, extended, unchanged and bad.
    """
    totals = dict.fromkeys(("added", "extended", "unchanged", "bad"), 0)
    started = time.monotonic()
    for lines in _loads(plan, days, per_hour, now):
        answer = api.load(f"/v1/imports?source=province-{plan.seed}", IMPORTER, lambda lines=lines: lines)
        if answer.status_code != 201:
            raise RuntimeError(f"the import was refused: {answer.status_code} {answer.text[:300]}")
        report = answer.json()
        for name in totals:
            totals[name] += report[name]
        for error in report["errors"][:5]:
            log(f"line {error['line']}: {error['field']}: {error['rule']}")
        done = totals["added"] + totals["extended"] + totals["unchanged"]
        log(f"history: {done} dossiers, {totals['bad']} bad, {done / (time.monotonic() - started):.0f}/s")
    return totals


def _loads(plan: Plan, days: int, per_hour: float, now: datetime.datetime) -> Iterator[list[bytes]]:
    today = now.astimezone(worktime.VIETNAM).date()
    lines: list[bytes] = []
    for back in range(days, 0, -1):
        for life in plan.day("past", today - datetime.timedelta(days=back), per_hour):
            lines.append(json.dumps(life.line(now), ensure_ascii=False).encode() + b"\n")
        if len(lines) >= LINES_A_LOAD:
            yield lines
            lines = []
    if lines:
        yield lines

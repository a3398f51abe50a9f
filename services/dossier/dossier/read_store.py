"""SQL of what is read many at a time: the register's lists, its counts and an officer's worklist."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import Any

from chassis.database import Tx
from dossier.domain.instants import VIETNAM, local_day
from dossier.domain.outcome import NEAR_DUE, DueState
from dossier.reading import Reach
from dossier.search_words import Sought

OPEN = "(1, 2, 4, 5, 6)"
"""Statuses that stand to a promise; written out so that the partial indexes serve."""
ANYWHERE = "-infinity"

DUE_STATES = {
    DueState.OVERDUE: f"l.status IN {OPEN} AND l.due_at < %(today)s",
    DueState.NEAR_DUE: f"l.status IN {OPEN} AND l.due_at >= %(today)s AND l.due_at <= %(near)s",
    DueState.IN_TIME: f"l.status IN {OPEN} AND (l.due_at IS NULL OR l.due_at > %(near)s)",
}
"""domain.outcome.due_state as SQL: late by local date, near by 24 hours."""

SHOWN = """
SELECT page.*, d.full_name, u.name AS unit_name, p.name AS procedure_name
FROM page JOIN dossier d ON d.code = page.code JOIN unit u ON u.code = page.unit
JOIN procedure p ON (p.code, p.version) = (d.procedure_code, d.procedure_version)
"""
LINE = "l.code, l.unit, l.procedure_code, l.channel, l.status, l.filed_at, l.due_at, l.step_unit"
NEWEST = "ORDER BY l.filed_at DESC, l.code DESC LIMIT %(limit)s"
WORK = f"""
WITH page AS (
    SELECT * FROM (
        (SELECT {LINE}, l.work_due_at, false AS step FROM register_line l
         WHERE l.unit = %(unit)s AND l.status IN (1, 2, 4, 5, 6, 9) AND l.step_unit IS DISTINCT FROM %(unit)s
         AND (l.work_due_at, l.code) > (%(after)s::timestamptz, %(code)s)
         ORDER BY l.work_due_at, l.code LIMIT %(limit)s)
        UNION ALL
        (SELECT {LINE}, l.step_due_at, true FROM register_line l
         WHERE l.step_unit = %(unit)s AND (l.step_due_at, l.code) > (%(after)s::timestamptz, %(code)s)
         ORDER BY l.step_due_at, l.code LIMIT %(limit)s)
    ) l ORDER BY l.work_due_at, l.code LIMIT %(limit)s
)
"""

COUNTED = f"""
SELECT status, CASE WHEN status NOT IN {OPEN} THEN NULL
                    WHEN due_at < %(today)s THEN 'overdue' WHEN due_at <= %(near)s THEN 'near_due'
                    ELSE 'in_time' END AS due_state, count(*) AS dossiers
"""
DEAREST_EXACT = 12_000.0
"""The planner's cost up to which dossiers are counted one by one: some 100,000 index entries, tens of milliseconds."""
SAMPLE = 20_000
LINES = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'register_line'::regclass"


@dataclasses.dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None or empty: not narrowed. `reach` is what the caller may read at all."""

    reach: Reach
    now: datetime.datetime
    within: Reach = dataclasses.field(default_factory=lambda: Reach(None))
    statuses: Sequence[int] = ()
    procedures: Sequence[str] | None = None
    channel: str | None = None
    due_state: DueState | None = None
    filed_from: datetime.datetime | None = None
    filed_to: datetime.datetime | None = None
    due_from: datetime.datetime | None = None
    due_to: datetime.datetime | None = None
    sought: Sought | None = None


def _conditions(filter: Filter) -> tuple[list[str], dict[str, Any]]:
    """The WHERE of a filter, without its words."""
    today = datetime.datetime.combine(local_day(filter.now), datetime.time(), VIETNAM)
    values: dict[str, Any] = {"today": today, "near": filter.now + NEAR_DUE}
    found = _units(filter, values)
    single = {
        "statuses": ("l.status = ANY(%(statuses)s)", [int(status) for status in filter.statuses] or None),
        "procedures": ("l.procedure_code = ANY(%(procedures)s)", filter.procedures),
        "channel": ("l.channel = %(channel)s", filter.channel),
        "filed_from": ("l.filed_at >= %(filed_from)s", filter.filed_from),
        "filed_to": ("l.filed_at < %(filed_to)s", filter.filed_to),
        "due_from": ("l.due_at >= %(due_from)s", filter.due_from),
        "due_to": ("l.due_at < %(due_to)s", filter.due_to),
    }
    for name, (condition, value) in single.items():
        if value is not None:
            found.append(condition)
            values[name] = list(value) if isinstance(value, list | tuple) else value
    if filter.due_state:
        found.append(DUE_STATES[filter.due_state])
    return found, values


def _units(filter: Filter, values: dict[str, Any]) -> list[str]:
    """Narrowed to a unit's tree, and to what the caller may read: by the unit itself, or by a step there."""
    within, may_read = filter.within.units, filter.reach.units
    if may_read is None:
        values["own"] = list(within or ())
        return [] if within is None else ["l.unit = ANY(%(own)s)"]
    values["own"] = list(may_read if within is None else may_read & within)
    values["readers"] = list(may_read)
    stepped = "l.step_units <> '{}' AND l.step_units && %(readers)s"
    if within is not None:
        if within <= may_read:
            return ["l.unit = ANY(%(own)s)"]
        values["others"] = list(within - may_read)
        stepped += " AND l.unit = ANY(%(others)s)"
    return [f"(l.unit = ANY(%(own)s) OR ({stepped}))"]


def _where(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "true"


def list_lines(tx: Tx, filter: Filter, after: Sequence[Any], limit: int) -> list[Any]:
    """Newest first from `after` = [phase, filed_at, code] on; what was written exactly so (phase 0) comes first.

    Each row has its `phase`; with `limit + 1` rows the caller knows whether there are more.
    """
    rows: list[Any] = []
    phase, filed_at, code = after
    for number, words in _phases(filter.sought):
        if number >= phase and len(rows) < limit:
            start = (filed_at, code) if number == phase else (None, None)
            rows += _page(tx, filter, number, words, start, limit - len(rows))
    return rows


def _phases(sought: Sought | None) -> list[tuple[int, list[str]]]:
    plain = "l.words @@ %(plain)s::tsquery"
    if sought is None:
        return [(1, [])]
    if sought.exact is None:
        return [(1, [plain])]
    exact = "l.words @@ %(exact)s::tsquery"
    return [(0, [exact]), (1, [plain, f"NOT {exact}"])]


def _page(
    tx: Tx, filter: Filter, phase: int, words: list[str], after: tuple[str | None, str | None], limit: int
) -> list[Any]:
    conditions, values = _conditions(filter)
    values |= {"limit": limit, "phase": phase, "after": after[0], "code": after[1]}
    values |= {"plain": filter.sought.plain, "exact": filter.sought.exact} if filter.sought else {}
    if after[0] is not None:
        conditions.append("(l.filed_at, l.code) < (%(after)s::timestamptz, %(code)s)")
    inner = f"SELECT {LINE}, %(phase)s AS phase FROM register_line l WHERE {_where([*conditions, *words])} {NEWEST}"
    query = f"WITH page AS ({inner}) {SHOWN} ORDER BY page.filed_at DESC, page.code DESC"
    return list(tx.exec_driver_sql(query, values))


def worklist(tx: Tx, unit: str, after: Sequence[str], limit: int) -> list[Any]:
    """What a unit has to do, soonest first: its own open dossiers, and the steps under way in it; undated last."""
    query = f"{WORK} {SHOWN.replace('page.*', _WORK_COLUMNS)} ORDER BY page.work_due_at, page.code"
    return list(tx.exec_driver_sql(query, {"unit": unit, "after": after[0], "code": after[1], "limit": limit}))


_WORK_COLUMNS = "page.*, nullif(page.work_due_at, 'infinity') AS do_by, page.work_due_at::text AS place"


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many dossiers a filter finds; beyond what can be counted at once they are estimated from a sample."""

    exact: bool
    rows: list[tuple[int, str | None, int]]


def counts(tx: Tx, filter: Filter) -> Counts:
    """Dossiers by status and due state, for the same filter as the list. Takes a bounded time."""
    conditions, values = _conditions(filter)
    if filter.sought:
        conditions.append("l.words @@ %(plain)s::tsquery")
        values["plain"] = filter.sought.plain
    where = _where(conditions)
    whole = f"SELECT l.status, l.due_at FROM register_line l WHERE {where}"
    query = f"{COUNTED} FROM ({whole}) AS found GROUP BY 1, 2"
    if _cost(tx, query, values) <= DEAREST_EXACT:
        return Counts(True, [(row.status, row.due_state, row.dossiers) for row in tx.exec_driver_sql(query, values)])
    share = min(1.0, SAMPLE / max(1, tx.exec_driver_sql(LINES).scalar_one()))
    sample = (
        f"SELECT l.status, l.due_at FROM register_line l TABLESAMPLE SYSTEM ({share * 100:.6f}) REPEATABLE (1)"
        f" WHERE {where}"
    )
    rows = tx.exec_driver_sql(f"{COUNTED} FROM ({sample}) AS found GROUP BY 1, 2", values)
    return Counts(False, [(row.status, row.due_state, round(row.dossiers / share)) for row in rows])


def _cost(tx: Tx, query: str, values: dict[str, Any]) -> float:
    plan = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}", values).scalar_one()
    found = json.loads(plan) if isinstance(plan, str) else plan
    return float(found[0]["Plan"]["Total Cost"])

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
from dossier.search_words import Query, Sought

OPEN = "(1, 2, 4, 5, 6)"
"""Statuses that stand to a promise; written out so that the partial index serves."""

DUE_STATES = {
    DueState.OVERDUE: f"l.status IN {OPEN} AND l.due_at < %(today)s",
    DueState.NEAR_DUE: f"l.status IN {OPEN} AND l.due_at >= %(today)s AND l.due_at <= %(near)s",
    DueState.IN_TIME: f"l.status IN {OPEN} AND (l.due_at IS NULL OR l.due_at > %(near)s)",
}
"""domain.outcome.due_state as SQL: late by local date, near by 24 hours."""

SHOWN = """
SELECT {page}, l.unit, l.procedure_code, l.channel, l.status, l.due_at, l.step_unit, d.full_name, u.name AS unit_name,
       p.name AS procedure_name
FROM page JOIN register_line l ON l.code = page.code JOIN dossier d ON d.code = page.code JOIN unit u ON u.code = l.unit
JOIN procedure p ON (p.code, p.version) = (d.procedure_code, d.procedure_version)
"""
"""What a page shows; the page itself is its codes only, so that an index alone can find them."""
NEWEST = "ORDER BY filed_at DESC, code DESC LIMIT %(limit)s"
LINES_SHOWN = SHOWN.format(page="page.*") + "ORDER BY page.filed_at DESC, page.code DESC"
WORK = """
WITH page AS (
    SELECT code, filed_at, do_by, step FROM (
        (SELECT l.code, l.filed_at, l.work_due_at AS do_by, false AS step FROM register_line l
         WHERE l.unit = %(unit)s AND l.status IN (1, 2, 4, 5, 6, 9) AND l.step_unit IS DISTINCT FROM %(unit)s
         AND (l.work_due_at, l.code) > (%(after)s::timestamptz, %(code)s)
         ORDER BY l.work_due_at, l.code LIMIT %(limit)s)
        UNION ALL
        (SELECT l.code, l.filed_at, l.step_due_at, true FROM register_line l
         WHERE l.step_unit = %(unit)s AND (l.step_due_at, l.code) > (%(after)s::timestamptz, %(code)s)
         ORDER BY l.step_due_at, l.code LIMIT %(limit)s)
    ) both_kinds ORDER BY do_by, code LIMIT %(limit)s
)
"""
WORK_PAGE = "page.code, page.filed_at, page.step, nullif(page.do_by, 'infinity') AS do_by, page.do_by::text AS place"
WORK_SHOWN = SHOWN.format(page=WORK_PAGE) + "ORDER BY page.do_by, page.code"

COUNTED = f"""
SELECT status, CASE WHEN status NOT IN {OPEN} THEN NULL
                    WHEN due_at < %(today)s THEN 'overdue' WHEN due_at <= %(near)s THEN 'near_due'
                    ELSE 'in_time' END AS due_state, count(*) AS dossiers
"""
DEAREST_EXACT = 12_000.0
"""The planner's cost up to which dossiers are counted one by one: some 100,000 index entries, tens of milliseconds."""
SAMPLE = 20_000
FEW = 10_000
ROOM = "SET LOCAL work_mem = '16MB'"
"""A begun word has hundreds of thousands of places; with less room only their pages would be kept, and all read."""
LINES = "SELECT reltuples::bigint FROM pg_class WHERE oid = %(table)s::regclass"


@dataclasses.dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; None or empty: not narrowed. `reach` is what the caller may read at all."""

    reach: Reach
    now: datetime.datetime
    within: Reach = dataclasses.field(default_factory=lambda: Reach(None))
    statuses: Sequence[int] = ()
    procedures: Sequence[str] | None = None
    only: str | None = None
    channel: str | None = None
    due_state: DueState | None = None
    filed_from: datetime.datetime | None = None
    filed_to: datetime.datetime | None = None
    due_from: datetime.datetime | None = None
    due_to: datetime.datetime | None = None
    sought: Sought | None = None


def _conditions(filter: Filter) -> tuple[list[str], dict[str, Any]]:
    """The WHERE of a filter, without its units and its words."""
    today = datetime.datetime.combine(local_day(filter.now), datetime.time(), VIETNAM)
    values: dict[str, Any] = {"today": today, "near": filter.now + NEAR_DUE}
    single: dict[str, tuple[str, Any]] = {
        "statuses": ("l.status = ANY(%(statuses)s)", [int(status) for status in filter.statuses] or None),
        "procedures": ("l.procedure_code = ANY(%(procedures)s)", filter.procedures),
        "only": ("l.code = %(only)s", filter.only),
        "channel": ("l.channel = %(channel)s", filter.channel),
        "filed_from": ("l.filed_at >= %(filed_from)s", filter.filed_from),
        "filed_to": ("l.filed_at < %(filed_to)s", filter.filed_to),
        "due_from": ("l.due_at >= %(due_from)s", filter.due_from),
        "due_to": ("l.due_at < %(due_to)s", filter.due_to),
    }
    if filter.procedures is not None and len(filter.procedures) == 1:
        single["procedures"] = ("l.procedure_code = %(procedures)s", filter.procedures[0])
    found = []
    for name, (condition, value) in single.items():
        if value is not None:
            found.append(condition)
            values[name] = list(value) if isinstance(value, list | tuple) else value
    if filter.due_state:
        found.append(DUE_STATES[filter.due_state])
    return found, values


@dataclasses.dataclass(frozen=True)
class Branch:
    """One of the disjoint sets that a list is made of, each with its own index: `where` on the rows `l` of `table`."""

    table: str
    where: list[str]
    words: str = "l.words"
    distinct: str = ""

    def select(self, columns: str, conditions: Sequence[str], words: Sequence[str], sample: str = "") -> str:
        """Its rows; `words` are conditions on the column of that name."""
        source = f"{self.table} l {sample}"
        if words and self.words != "l.words":
            source += " JOIN register_line w ON w.code = l.code"
        where = [*self.where, *conditions, *(condition.replace("l.words", self.words) for condition in words)]
        return f"SELECT {self.distinct} {columns} FROM {source} WHERE {' AND '.join(where) or 'true'}"


def _branches(filter: Filter) -> tuple[list[Branch], dict[str, Any]]:
    """What the caller may read of the units asked for: by the unit itself, and by a step in a unit of the caller's."""
    within, may_read = filter.within.units, filter.reach.units
    own = within if may_read is None else may_read if within is None else may_read & within
    if own is None:
        return [Branch("register_line", [])], {}
    readers = may_read or frozenset()
    values = {"own": _listed(own), "readers": _listed(readers), "all_readers": sorted(readers)}
    branches = [Branch("register_line", [_among("l.unit", "own", own)])] if own else []
    if may_read and (within is None or not within <= may_read):
        stepped = [_among("l.reader", "readers", readers), "l.unit <> ALL(%(all_readers)s)"]
        if within is not None:
            stepped.append("l.unit = ANY(%(within)s)")
            values["within"] = sorted(within)
        branches.append(Branch("register_step", stepped, "w.words", "DISTINCT" if len(readers) > 1 else ""))
    return branches or [Branch("register_line", ["false"])], values


def _among(column: str, name: str, units: frozenset[str]) -> str:
    """One unit is asked for as one, so that the order of its index can be used."""
    return f"{column} = %({name})s" if len(units) == 1 else f"{column} = ANY(%({name})s)"


def _listed(units: frozenset[str]) -> Any:
    return next(iter(units)) if len(units) == 1 else sorted(units)


def list_lines(tx: Tx, filter: Filter, after: Sequence[Any], limit: int) -> list[Any]:
    """Newest first from `after` = [phase, filed_at, code] on; with words, what has them with their accents comes first.

    Where no dossier has the words whole, the last one is taken as begun: a begun word costs an index much more.
    Each row has its `phase`; with `limit + 1` rows the caller knows whether there are more.
    """
    phase, filed_at, code = after
    if filter.sought:
        tx.exec_driver_sql(ROOM)
    for group in _phases(filter.sought):
        rows: list[Any] = []
        for number, words in group:
            if number >= phase and len(rows) < limit:
                start = (filed_at, code) if number == phase else (None, None)
                rows += _page(tx, filter, number, words, start, limit - len(rows))
        if rows or any(number == phase and filed_at for number, _ in group):
            return rows
    return []


Phases = list[tuple[int, list[str]]]


def _phases(sought: Sought | None) -> list[Phases]:
    """Groups of disjoint phases, the best first; the next group counts only where the one before finds nothing."""
    if sought is None:
        return [[(0, [])]]
    plain, exact = FINISHED["plain"], FINISHED["exact"]
    if sought.exact is None:
        return [[(1, [plain])], [(3, _has("plain", sought.plain))]]
    begun = [*_has("plain", sought.plain), "NOT l.words @@ %(exact_whole)s::tsquery"]
    return [[(0, [exact]), (1, [plain, f"NOT {exact}"])], [(2, _has("exact", sought.exact)), (3, begun)]]


FINISHED = {name: f"l.words @@ %({name}_finished)s::tsquery" for name in ("plain", "exact")}


def _has(name: str, query: Query) -> list[str]:
    """`IS TRUE` keeps a condition away from the index."""
    indexed = f"l.words @@ %({name})s::tsquery"
    return [indexed, f"(l.words @@ %({name}_begun)s::tsquery) IS TRUE"] if query.begun else [indexed]


def _words(sought: Sought | None) -> dict[str, Any]:
    queries = {"plain": sought.plain, "exact": sought.exact} if sought else {}
    values: dict[str, Any] = {}
    for name, query in queries.items():
        if query:
            values |= {name: query.indexed, f"{name}_begun": query.begun, f"{name}_whole": query.whole}
            values[f"{name}_finished"] = query.finished
    return values


def _page(
    tx: Tx, filter: Filter, phase: int, words: list[str], after: tuple[str | None, str | None], limit: int
) -> list[Any]:
    conditions, values = _conditions(filter)
    branches, units = _branches(filter)
    values |= units | _words(filter.sought) | {"limit": limit, "phase": phase, "after": after[0], "code": after[1]}
    if after[0] is not None:
        conditions.append("(l.filed_at, l.code) < (%(after)s::timestamptz, %(code)s)")
    order = _order(tx, branches, conditions, words, values)
    found = " UNION ALL ".join(
        f"({each.select('l.code, l.filed_at', conditions, words)} {NEWEST if each.distinct else order})"
        for each in branches
    )
    page = f"SELECT code, filed_at, %(phase)s AS phase FROM ({found}) AS found {NEWEST}"
    return list(tx.exec_driver_sql(f"WITH page AS ({page}) {LINES_SHOWN}", values))


def _order(tx: Tx, branches: list[Branch], conditions: list[str], words: list[str], values: dict[str, Any]) -> str:
    """The order of what is left after the exact ones, written so that the right index finds it.

    The planner takes "these words and not those" for as many lines as have these words, and goes through the register
    from the newest on for the few that there are. Where few have these words at all, no index may be used for the order.
    """
    if not any(condition.startswith("NOT") for condition in words):
        return NEWEST
    plain = [condition for condition in words if not condition.startswith("NOT")]
    lines = sum(_plan(tx, each.select("l.code", conditions, plain), values)["Plan Rows"] for each in branches)
    return NEWEST if lines > FEW else NEWEST.replace("filed_at", "l.filed_at + interval '0'")


def worklist(tx: Tx, unit: str, after: Sequence[str], limit: int) -> list[Any]:
    """What a unit has to do, soonest first: its own open dossiers, and the steps under way in it; undated last."""
    values = {"unit": unit, "after": after[0], "code": after[1], "limit": limit}
    return list(tx.exec_driver_sql(f"{WORK} {WORK_SHOWN}", values))


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many dossiers a filter finds; beyond what can be counted at once they are estimated from a sample."""

    exact: bool
    rows: list[tuple[int, str | None, int]]


def counts(tx: Tx, filter: Filter) -> Counts:
    """Dossiers by status and due state, for the same filter as the list. Takes a bounded time."""
    conditions, values = _conditions(filter)
    branches, units = _branches(filter)
    values |= units | _words(filter.sought)
    if filter.sought:
        tx.exec_driver_sql(ROOM)
    counts = Counts(True, [])
    for words in [[FINISHED["plain"]], _has("plain", filter.sought.plain)] if filter.sought else [[]]:
        parts = [_counted(tx, branch, conditions, words, values, DEAREST_EXACT / len(branches)) for branch in branches]
        counts = Counts(all(part.exact for part in parts), [row for part in parts for row in part.rows])
        if counts.rows:
            break
    return counts


def _counted(
    tx: Tx, branch: Branch, conditions: list[str], words: list[str], values: dict[str, Any], dearest: float
) -> Counts:
    columns = "l.code, l.status, l.due_at" if branch.distinct else "l.status, l.due_at"
    query = f"{COUNTED} FROM ({branch.select(columns, conditions, words)}) AS found GROUP BY 1, 2"
    if _plan(tx, query, values)["Total Cost"] <= dearest:
        return Counts(True, [(row.status, row.due_state, row.dossiers) for row in tx.exec_driver_sql(query, values)])
    share = min(1.0, SAMPLE / max(1, tx.exec_driver_sql(LINES, {"table": branch.table}).scalar_one()))
    sample = branch.select(columns, conditions, words, f"TABLESAMPLE SYSTEM ({share * 100:.6f}) REPEATABLE (1)")
    rows = tx.exec_driver_sql(f"{COUNTED} FROM ({sample}) AS found GROUP BY 1, 2", values)
    return Counts(False, [(row.status, row.due_state, round(row.dossiers / share)) for row in rows])


def _plan(tx: Tx, query: str, values: dict[str, Any]) -> dict[str, Any]:
    """What the planner expects of a query."""
    plan = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}", values).scalar_one()
    found: dict[str, Any] = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return found

"""What one row of a catalogue alone cannot tell: that what it names is there, once, and that a version stays what it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError

from chassis.database import Tx

UNITS = "SELECT code, legacy_code, parent FROM unit"
VERSIONS = """
SELECT code, version, name, limit_kind, limit_count, supplement_clock FROM procedure WHERE code = ANY(%(codes)s)
"""
DEEPEST = 20
Wrong = dict[str, dict[int, dict[str, list[str]]]]


def check_references(tx: Tx, loaded: dict[str, Any]) -> None:
    """Raises marshmallow.ValidationError with the place of every reference to nothing, every double, every changed
    version."""
    wrong: Wrong = {}
    known = {row.code: row for row in tx.exec_driver_sql(UNITS)}
    codes = known.keys() | {unit["code"] for unit in loaded["units"]}
    _check_units(wrong, loaded["units"], known, codes)
    for index, procedure in enumerate(loaded["procedures"]):
        for number, step in enumerate(procedure["steps"]):
            if step["unit"] not in codes:
                _say(wrong, "procedures", index, f"steps.{number}.unit", f"no unit {step['unit']}")
    for index, override in enumerate(loaded["overrides"]):
        if override["unit"] is not None and override["unit"] not in codes:
            _say(wrong, "overrides", index, "unit", f"no unit {override['unit']}")
    _check_doubles(wrong, loaded)
    _check_versions(tx, wrong, loaded["procedures"])
    if wrong:
        raise ValidationError(wrong)


def parents_first(units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The units in an order in which each comes after its parent; their parents are known to lead to a top."""
    parents = {unit["code"]: unit["parent"] for unit in units}

    def depth(code: str | None) -> int:
        return 1 + depth(parents.get(code)) if code is not None else 0

    return sorted(units, key=lambda unit: depth(unit["code"]))


def _check_units(wrong: Wrong, units: list[dict[str, Any]], known: dict[str, Any], codes: Any) -> None:
    parents = {row.code: row.parent for row in known.values()} | {unit["code"]: unit["parent"] for unit in units}
    replaced = {unit["code"] for unit in units}
    legacy = {row.legacy_code: row.code for row in known.values() if row.legacy_code and row.code not in replaced}
    for index, unit in enumerate(units):
        if unit["parent"] is not None and unit["parent"] not in codes:
            _say(wrong, "units", index, "parent", f"no unit {unit['parent']}")
        elif _in_a_circle(unit["code"], parents):
            _say(
                wrong, "units", index, "parent", f"leads back to the unit itself, or through more than {DEEPEST} units"
            )
        if unit["legacy_code"] in legacy:
            _say(wrong, "units", index, "legacy_code", f"belongs to {legacy[unit['legacy_code']]}")


def _in_a_circle(code: str, parents: dict[str, str | None]) -> bool:
    seen = {code}
    above = parents.get(code)
    while above is not None:
        if above in seen or len(seen) > DEEPEST:
            return True
        seen.add(above)
        above = parents.get(above)
    return False


def _check_doubles(wrong: Wrong, loaded: dict[str, Any]) -> None:
    keys: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
        ("units", "code"): lambda row: row["code"],
        ("units", "legacy_code"): lambda row: row["legacy_code"],
        ("procedures", "version"): lambda row: (row["code"], row["version"]),
        ("overrides", "day"): lambda row: (row["day"], row["unit"] or ""),
    }
    for (group, field), key in keys.items():
        times = Counter(key(row) for row in loaded[group])
        for index, row in enumerate(loaded[group]):
            if key(row) is not None and times[key(row)] > 1:
                _say(wrong, group, index, field, "stands here more than once")


def _check_versions(tx: Tx, wrong: Wrong, procedures: list[dict[str, Any]]) -> None:
    """Dossiers are judged for ever by the version that they were filed under."""
    rows = tx.exec_driver_sql(VERSIONS, {"codes": [procedure["code"] for procedure in procedures]})
    there = {(row.code, row.version): tuple(row)[2:] for row in rows}
    for index, new in enumerate(procedures):
        clock = new["supplement_clock"]
        terms = (new["name"], new["limit"]["kind"].value, new["limit"]["count"], clock.value if clock else None)
        if there.get((new["code"], new["version"]), terms) != terms:
            _say(
                wrong, "procedures", index, "version", "is stored with other terms: load the change as the next version"
            )


def _say(wrong: Wrong, group: str, index: int, field: str, rule: str) -> None:
    wrong.setdefault(group, {}).setdefault(index, {}).setdefault(field, []).append(rule)

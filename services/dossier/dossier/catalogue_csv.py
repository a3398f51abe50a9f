"""A catalogue from CSV: one file of units, of procedures or of overrides, whose columns are the fields' names."""

from __future__ import annotations

import csv
import io
from typing import Any

from marshmallow import ValidationError

LISTS = ("unit_levels", "documents")
COLUMNS = {
    "units": {"code", "legacy_code", "name", "level", "parent", "hours", "valid_from", "valid_to"},
    "procedures": {
        "code", "version", "name", "field_code", "field_name", "unit_levels", "online_level", "online_scope", "limit_kind",
        "limit_count", "supplement_clock", "supplement_within_days", "on_the_spot", "fee_vnd", "documents", "result",
        "valid_from", "valid_to",
    },
    "overrides": {"day", "unit", "works", "reason", "hours"},
}  # fmt: skip
TELLING = {"units": "level", "procedures": "field_code", "overrides": "works"}
"""The column by which a kind of file is known."""


class Lines(dict[tuple[str, int], int]):
    """The line of the file on which a row of the document stood, by group and index."""


def read_csv(text: str) -> tuple[dict[str, Any], Lines]:
    """A document for `catalogue_load.load`, and where its rows stood; an empty cell is a field that is left out.

    Lists are parted by `|`, a limit is `limit_kind` and `limit_count`. Commas or semicolons part the cells.
    """
    header = text.lstrip("\ufeff").splitlines()[:1]
    delimiter = ";" if header and header[0].count(";") > header[0].count(",") else ","
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter, strict=True)
    group = _group(reader.fieldnames or [])
    rows: list[dict[str, Any]] = []
    lines = Lines()
    try:
        for row in reader:
            lines[group, len(rows)] = reader.line_num
            rows.append(_fields(row))
    except csv.Error as error:
        raise ValidationError({f"line {reader.line_num}": [str(error)]}) from None
    return {group: rows}, lines


def _group(names: Any) -> str:
    group = next((kind for kind, column in TELLING.items() if column in names), None)
    if group is None:
        raise ValidationError({"line 1": [f"needs a column {', '.join(TELLING.values())}"]})
    if unknown := set(names) - COLUMNS[group]:
        raise ValidationError({"line 1": [f"unknown column {', '.join(sorted(unknown))}"]})
    return group


def _fields(row: dict[str | None, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        str(name): text.strip() for name, text in row.items() if isinstance(text, str) and text.strip()
    }
    if None in row:
        found["more cells than columns"] = row[None]
    for name in LISTS:
        if name in found:
            found[name] = [part.strip() for part in found[name].split("|") if part.strip()]
    limit = {part: found.pop(f"limit_{part}") for part in ("kind", "count") if f"limit_{part}" in found}
    return found | ({"limit": limit} if limit else {})


def by_line(errors: list[dict[str, str]], lines: Lines) -> list[str]:
    """Errors of a document as errors of its file: `line 7: level: Must be one of …`."""
    said = []
    for error in errors:
        group, _, rest = error["field"].partition(".")
        index, _, field = rest.partition(".")
        line = lines.get((group, int(index))) if index.isdigit() else None
        said.append(f"line {line}: {field}: {error['rule']}" if line else f"{error['field']}: {error['rule']}")
    return said

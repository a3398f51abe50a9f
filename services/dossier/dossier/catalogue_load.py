"""Loads units, procedures and calendar overrides into the catalogue, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from marshmallow import Schema, ValidationError, fields, validate

from chassis import audit
from chassis.cli import open_database, operator
from chassis.database import Tx
from chassis.problems import field_errors
from chassis.service import Service
from dossier import recompute_store
from dossier.catalogue_check import check_references, parents_first
from dossier.catalogue_csv import Lines, by_line, read_csv
from dossier.domain.hours import BadHours, Hours
from dossier.domain.limits import BadLimit, Limit, LimitKind, SupplementClock

LEVELS = ("province", "district", "commune")
UNIT_CODE = validate.Regexp(r"[A-Y]\d{2}(\.[0-9A-Z]+)*\Z", error="not a code of QĐ 20/2020/QĐ-TTg, such as H52.17")
LEGACY_CODE = validate.Regexp(r"[0-9A-Z]{2,3}(\.[0-9A-Z]{2,3}){3}\Z", error="not a code of QCVN 102:2016")


class LimitSchema(Schema):
    """A time limit: `{"kind": "working_days", "count": 5}`."""

    kind = fields.Enum(LimitKind, by_value=True, required=True)
    count = fields.Integer(load_default=0)


class StepSchema(Schema):
    """One step of a procedure."""

    name = fields.String(required=True)
    unit = fields.String(required=True)
    limit = fields.Nested(LimitSchema, required=True)


class UnitSchema(Schema):
    """One agency."""

    code = fields.String(required=True, validate=UNIT_CODE)
    legacy_code = fields.String(load_default=None, validate=LEGACY_CODE)
    name = fields.String(required=True, validate=validate.Length(1, 300))
    level = fields.String(required=True, validate=validate.OneOf(LEVELS))
    parent = fields.String(load_default=None)
    hours = fields.String(load_default=None, metadata={"description": "07:00-11:30, 13:30-17:00"})
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(load_default=None)


class ProcedureSchema(Schema):
    """One version of a procedure."""

    code = fields.String(required=True, validate=validate.Length(1, 60))
    version = fields.Integer(load_default=1, validate=validate.Range(1))
    name = fields.String(required=True, validate=validate.Length(1, 500))
    field_code = fields.String(required=True)
    field_name = fields.String(required=True)
    unit_levels = fields.List(fields.String(validate=validate.OneOf(LEVELS)), required=True)
    online_level = fields.Integer(required=True, validate=validate.Range(1, 4))
    online_scope = fields.String(load_default=None, validate=validate.OneOf(["partial", "full"]))
    limit = fields.Nested(LimitSchema, required=True)
    supplement_clock = fields.Enum(SupplementClock, by_value=True, load_default=None)
    supplement_within_days = fields.Integer(load_default=None, validate=validate.Range(1))
    on_the_spot = fields.Boolean(load_default=False)
    fee_vnd = fields.Integer(load_default=0, validate=validate.Range(0))
    steps = fields.List(fields.Nested(StepSchema), load_default=list)
    documents = fields.List(fields.String(), load_default=list)
    result = fields.String(load_default=None)
    valid_from = fields.Date(required=True)
    valid_to = fields.Date(load_default=None)


class OverrideRowSchema(Schema):
    """A day on which a unit, or everybody, does not keep the usual calendar."""

    day = fields.Date(required=True)
    unit = fields.String(load_default=None)
    works = fields.Boolean(required=True)
    reason = fields.String(required=True)
    hours = fields.String(load_default=None)


class CatalogueSchema(Schema):
    """A file of units, procedures and overrides."""

    units = fields.List(fields.Nested(UnitSchema), load_default=list)
    procedures = fields.List(fields.Nested(ProcedureSchema), load_default=list)
    overrides = fields.List(fields.Nested(OverrideRowSchema), load_default=list)


# Two units may have changed theirs between them; the file is checked to give each to one only.
FREE_LEGACY_CODES = "UPDATE unit SET legacy_code = NULL WHERE code = ANY(%(codes)s) AND legacy_code IS NOT NULL"
ADD_UNIT = """
INSERT INTO unit (code, legacy_code, name, level, parent, hours, valid_from, valid_to)
VALUES (%(code)s, %(legacy_code)s, %(name)s, %(level)s, %(parent)s, %(hours)s, %(valid_from)s, %(valid_to)s)
ON CONFLICT (code) DO UPDATE SET (legacy_code, name, level, parent, hours, valid_from, valid_to) =
    (excluded.legacy_code, excluded.name, excluded.level, excluded.parent, excluded.hours, excluded.valid_from,
     excluded.valid_to)
"""
ADD_PROCEDURE = """
INSERT INTO procedure (code, version, name, field_code, field_name, unit_levels, online_level, online_scope, limit_kind,
    limit_count, supplement_clock, supplement_within_days, on_the_spot, fee_vnd, steps, documents, result, valid_from,
    valid_to)
VALUES (%(code)s, %(version)s, %(name)s, %(field_code)s, %(field_name)s, %(unit_levels)s, %(online_level)s,
    %(online_scope)s, %(limit_kind)s, %(limit_count)s, %(supplement_clock)s, %(supplement_within_days)s,
    %(on_the_spot)s, %(fee_vnd)s, %(steps)s, %(documents)s, %(result)s, %(valid_from)s, %(valid_to)s)
ON CONFLICT (code, version) DO UPDATE SET valid_to = excluded.valid_to
"""
ADD_OVERRIDE = """
INSERT INTO calendar_override (day, unit, works, reason, hours)
VALUES (%(day)s, %(unit)s, %(works)s, %(reason)s, %(hours)s)
ON CONFLICT (day, unit) DO UPDATE SET (works, reason, hours) = (excluded.works, excluded.reason, excluded.hours)
"""


def load(tx: Tx, document: Any) -> dict[str, int]:
    """Store a catalogue; what is there already is updated, and loading it again changes nothing.

    Raises marshmallow.ValidationError with the place of everything that is wrong; then nothing was stored.
    """
    return store_loaded(tx, CatalogueSchema().load(document))


def store_loaded(tx: Tx, loaded: dict[str, Any]) -> dict[str, int]:
    """As `load`, for what the schema has loaded. Audited."""
    _check(loaded)
    check_references(tx, loaded)
    calendars_before = recompute_store.calendar_rows(tx)
    tx.exec_driver_sql(FREE_LEGACY_CODES, {"codes": [unit["code"] for unit in loaded["units"]]})
    for unit in parents_first(loaded["units"]):
        tx.exec_driver_sql(ADD_UNIT, unit)
    for procedure in loaded["procedures"]:
        tx.exec_driver_sql(ADD_PROCEDURE, _procedure_row(procedure))
    for override in loaded["overrides"]:
        tx.exec_driver_sql(ADD_OVERRIDE, override)
    recompute_store.order_where_changed(tx, calendars_before, "Nạp danh mục có thay đổi lịch làm việc")
    audit.record(tx, "catalogue.load", "catalogue", after=CatalogueSchema().dump(loaded))
    return {name: len(rows) for name, rows in loaded.items()}


def _procedure_row(procedure: dict[str, Any]) -> dict[str, Any]:
    clock = procedure["supplement_clock"]
    return procedure | {
        "limit_kind": procedure["limit"]["kind"].value,
        "limit_count": procedure["limit"]["count"],
        "supplement_clock": clock.value if clock else None,
        "steps": json.dumps(ProcedureSchema(only=["steps"]).dump(procedure)["steps"]),
        "documents": json.dumps(procedure["documents"], ensure_ascii=False),
    }


def _check(loaded: dict[str, Any]) -> None:
    """What one field alone cannot tell: hours and limits that the clock can count with."""
    wrong: dict[str, Any] = {}
    for group in ("units", "overrides"):
        for index, row in enumerate(loaded[group]):
            try:
                Hours.office(row["hours"]) if row["hours"] else None
            except BadHours as error:
                wrong.setdefault(group, {})[index] = {"hours": [str(error)]}
    for index, row in enumerate(loaded["procedures"]):
        try:
            for limit in (row["limit"], *(step["limit"] for step in row["steps"])):
                Limit(limit["kind"], limit["count"])
        except BadLimit as error:
            wrong.setdefault("procedures", {})[index] = {"limit": [str(error)]}
    if wrong:
        raise ValidationError(wrong)


@click.group()
def catalogue() -> None:
    """Units, procedures and calendar overrides."""


@catalogue.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def catalogue_load(service: Service, file: Path) -> None:
    """Load a FILE, JSON or (by its name) CSV, all or nothing; errors name their line and field."""
    lines = Lines()
    try:
        text = file.read_text("utf-8")
        document, lines = read_csv(text) if file.suffix.lower() == ".csv" else (json.loads(text), lines)
        with open_database(service, "catalogue").transaction() as tx, operator():
            counts = load(tx, document)
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name}: byte {error.start}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise click.ClickException(f"{file.name}: line {error.lineno}: {error.msg}") from None
    except ValidationError as error:
        wrong = by_line(field_errors(error.messages), lines)
        raise click.ClickException("\n".join(f"{file.name}: {each}" for each in wrong)) from None
    click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))

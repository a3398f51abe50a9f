"""HTTP in: lists of dossiers and an officer's worklist."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis import context, paging
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, transactional
from dossier import catalogue_store, desk, imports_store, read_store, reading, search_words
from dossier.domain.dossiers import Channel
from dossier.domain.outcome import DueState, due_state
from dossier.domain.status import Status

blueprint = Blueprint("register", "register", description="Lists of dossiers and worklists")

TASKS = {
    Status.FILED: "Trả lời tiếp nhận",
    Status.ACCEPTED: "Chuyển hồ sơ xử lý",
    Status.PROCESSING: "Xử lý hồ sơ",
    Status.AWAITING_SUPPLEMENT: "Chờ công dân bổ sung",
    Status.AWAITING_PAYMENT: "Chờ công dân nộp phí, lệ phí",
    Status.COMPLETED: "Trả kết quả",
}


def now() -> datetime.datetime:
    """The moment at which a call counts."""
    return datetime.datetime.now(datetime.UTC)


class ListArguments(paging.PageArguments):
    """What the list is narrowed to."""

    q = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={
            "description": "words of name, code or procedure, accents not needed; where nothing has them, the last is unfinished"
        },
    )
    unit = fields.String(load_default=None, metadata={"description": "with every unit below it"})
    status = fields.List(
        fields.Enum(Status, by_value=fields.Integer), load_default=list, metadata={"description": "1 to 10"}
    )
    procedure = fields.String(load_default=None, validate=validate.Length(1, 60))
    field = fields.String(load_default=None, validate=validate.Length(1, 60))
    channel = fields.Enum(Channel, by_value=True, load_default=None)
    due_state = fields.Enum(DueState, by_value=True, load_default=None)
    filed_from = fields.AwareDateTime(load_default=None)
    filed_to = fields.AwareDateTime(load_default=None, metadata={"description": "not included"})
    due_from = fields.AwareDateTime(load_default=None)
    due_to = fields.AwareDateTime(load_default=None, metadata={"description": "not included"})
    source = fields.String(load_default=None, validate=validate.Length(1, 60))
    source_code = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata={"description": "of the line in the system `source` that the dossier was imported from"},
    )
    counts = fields.Boolean(load_default=True, metadata={"description": "only with the first page"})

    @validates_schema
    def check_source(self, data: dict[str, Any], **_: Any) -> None:
        """A code of another system says little without that system."""
        if (data["source"] is None) != (data["source_code"] is None):
            raise ValidationError("source and source_code go together", "source_code")

    @validates_schema
    def check_ranges(self, data: dict[str, Any], **_: Any) -> None:
        """A range ends after it begins."""
        for name in ("filed", "due"):
            first, last = data[f"{name}_from"], data[f"{name}_to"]
            if first and last and last <= first:
                raise ValidationError(f"must be after {name}_from", f"{name}_to")


class LineSchema(Schema):
    """A dossier in a list."""

    code = fields.String()
    unit = fields.String()
    unit_name = fields.String()
    procedure = fields.String(attribute="procedure_code")
    procedure_name = fields.String()
    channel = fields.String()
    status = fields.Integer()
    status_name = fields.Function(lambda line: Status(line.status).text, metadata={"type": "string"})
    applicant_name = fields.String(attribute="full_name")
    filed_at = fields.AwareDateTime()
    due_at = fields.AwareDateTime(allow_none=True)
    due_state = fields.Function(lambda line: _due_state(line), metadata={"type": ["string", "null"]})
    step_unit = fields.String(allow_none=True)


class StatusCount(Schema):
    """Dossiers of one status."""

    status = fields.Integer()
    name = fields.String()
    dossiers = fields.Integer()


class DueCounts(Schema):
    """Unfinished dossiers by how they stand to their promise."""

    in_time = fields.Integer()
    near_due = fields.Integer()
    overdue = fields.Integer()


class CountsSchema(Schema):
    """How many the filters find; `exact` is false where so many were estimated from a sample."""

    exact = fields.Boolean()
    total = fields.Integer()
    by_status = fields.List(fields.Nested(StatusCount))
    by_due_state = fields.Nested(DueCounts)


class ListPage(Schema):
    """A page of dossiers, newest first; what has the words with their accents comes before the rest."""

    items = fields.List(fields.Nested(LineSchema))
    next = fields.String(allow_none=True)
    counts = fields.Nested(CountsSchema, allow_none=True)


class WorkArguments(paging.PageArguments):
    """Whose worklist."""

    unit = fields.String(load_default=None, metadata={"description": "default: the caller's unit"})


class WorkItem(LineSchema):
    """Something to do; `do_by` is when the unit must have done it, which for a step is the step's due time."""

    do_by = fields.AwareDateTime(allow_none=True)
    step = fields.Boolean(metadata={"description": "a step of another unit's dossier, or of one's own"})
    task = fields.Function(lambda line: _task(line), metadata={"type": "string"})


class WorkPage(Schema):
    """What a unit has to do, soonest first, undated last."""

    unit = fields.String()
    items = fields.List(fields.Nested(WorkItem))
    next = fields.String(allow_none=True)


def _due_state(line: Any) -> str | None:
    """Finished dossiers stand to no promise any more."""
    status = Status(line.status)
    return None if status.closed or status is Status.COMPLETED else due_state(line.due_at, now()).value


def _task(line: Any) -> str:
    status = Status(line.status)
    return "Thực hiện bước xử lý" if line.step and status is Status.PROCESSING else TASKS[status]


@blueprint.route("/v1/dossiers")
@require("dossier:read")
@transactional
@blueprint.arguments(ListArguments, location="query")
@blueprint.response(200, ListPage)
def list_dossiers(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """The dossiers that the caller may read, newest first."""
    found, limit = _filter(tx, query), query["limit"]
    rows = read_store.list_lines(tx, found, place(query["cursor"], [0, None, ""]), limit + 1)
    page = paging.page(rows, limit, lambda row: [row.phase, row.filed_at.isoformat(), row.code])
    wanted = query["counts"] and query["cursor"] is None
    return page | {"counts": _counts(read_store.counts(tx, found)) if wanted else None}


def _filter(tx: Tx, query: dict[str, Any]) -> read_store.Filter:
    within = reading.below(tx, query["unit"]) if query["unit"] else reading.Reach(None)
    if within.units is not None and not within.units:
        raise Problem(422, "Unprocessable", errors=[{"field": "unit", "rule": "is not in the catalogue"}])
    procedures = None if query["field"] is None else catalogue_store.procedures_of(tx, query["field"])
    if query["procedure"] is not None:
        procedures = [query["procedure"]] if procedures is None else sorted({query["procedure"]} & set(procedures))
    try:
        words = search_words.sought(query["q"]) if query["q"] else None
    except search_words.NoWords:
        raise Problem(422, "Unprocessable", errors=[{"field": "q", "rule": "has no letter and no digit"}]) from None
    times = {name: query[name] for name in ("filed_from", "filed_to", "due_from", "due_to")}
    return read_store.Filter(
        reach=reading.reach(tx),
        now=now(),
        within=within,
        statuses=query["status"],
        procedures=procedures,
        only=imports_store.code_of(tx, query["source"], query["source_code"]) if query["source"] else None,
        channel=query["channel"] and query["channel"].value,
        due_state=query["due_state"],
        sought=words,
        **times,
    )


def place(cursor: str | None, first: list[Any]) -> list[Any]:
    """The place that a cursor of ours stands for: a number or none, a time, a code. Raises Problem 422."""
    found: list[Any] = paging.decode(cursor, first)
    if cursor is not None and not (len(found) == len(first) and _is_place(*found)):
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor handed out here"}])
    return found


def _is_place(*parts: Any) -> bool:
    *phase, moment, code = parts
    try:
        in_time = moment == "infinity" or bool(datetime.datetime.fromisoformat(moment))
    except (ValueError, TypeError):
        return False
    return in_time and phase in ([], [0], [1], [2], [3]) and isinstance(code, str) and "\x00" not in code


def _counts(counts: read_store.Counts) -> dict[str, Any]:
    by_status = dict.fromkeys(Status, 0)
    by_due_state = {state.value: 0 for state in DueState}
    for status, state, dossiers in counts.rows:
        by_status[Status(status)] += dossiers
        if state:
            by_due_state[state] += dossiers
    return {
        "exact": counts.exact,
        "total": sum(by_status.values()),
        "by_status": [{"status": s, "name": s.text, "dossiers": count} for s, count in by_status.items()],
        "by_due_state": by_due_state,
    }


@blueprint.route("/v1/worklist")
@require("dossier:read")
@transactional
@blueprint.arguments(WorkArguments, location="query")
@blueprint.response(200, WorkPage)
def worklist(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """What a unit has to do, soonest first: its own open dossiers, and the steps under way in it."""
    asked = query["unit"] or context.current().caller.unit
    if asked in (None, "*"):
        raise Problem(422, "Unprocessable", errors=[{"field": "unit", "rule": "name the unit whose worklist it is"}])
    unit = catalogue_store.code_of(tx, asked)
    if unit is None:
        raise Problem(422, "Unprocessable", errors=[{"field": "unit", "rule": "is not in the catalogue"}])
    may_read = reading.reach(tx).units
    if may_read is not None and unit not in may_read:
        raise desk.WrongUnit(unit)
    rows = read_store.worklist(tx, unit, place(query["cursor"], ["-infinity", ""]), query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: [row.place, row.code]) | {"unit": unit}

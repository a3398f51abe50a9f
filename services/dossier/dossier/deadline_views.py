"""HTTP in: when a dossier is due and why, and "what if" for one that does not exist."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, transactional
from dossier import catalogue, catalogue_load, reading
from dossier.domain.calendar import Calendar, CalendarError
from dossier.domain.clock import Deadline, deadline
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import calendar_of, dossier_deadline, step_deadline
from dossier.domain.instants import local_day
from dossier.domain.law import LAW
from dossier.domain.limits import BadLimit, Interval, IntervalKind, Limit, Reappointment, SupplementClock
from dossier.domain.outcome import due_state
from dossier.domain.remaining import remaining
from dossier.domain.rules import NoRuleSet, RuleSet
from dossier.domain.status import Status
from dossier.spans import TIME

blueprint = Blueprint("deadlines", "deadlines", description="Due times, and why")
MOST_INTERVALS = 50

STATES = {
    "not_accepted": "Chưa tiếp nhận: chưa có ngày hẹn trả kết quả",
    "running": "Thời hạn đang được tính",
    "paused": "Thời hạn đang tạm dừng",
    "awaiting_supplement": "Chờ bổ sung hồ sơ: thời hạn sẽ tính lại từ đầu khi nhận đủ",
    "no_limit": "Thủ tục không quy định thời hạn",
    "finished": "Đã xử lý xong",
    "closed": "Đã kết thúc",
}


class RemainingSchema(Schema):
    """Working time to the due time, or since it: as `seconds` alone, and as whole `days` and `rest_seconds`."""

    overdue = fields.Boolean()
    days = fields.Integer()
    rest_seconds = fields.Integer()
    seconds = fields.Integer()
    hours = fields.Function(lambda left: round(left.seconds / 3600, 2), metadata={"type": "number"})
    text = fields.String()


class EntrySchema(Schema):
    """One stretch, counted or skipped; without an end the clock still stands still."""

    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime(allow_none=True)
    counted = fields.Integer()
    why = fields.Function(lambda entry: entry.why.value, metadata={"type": "string"})
    text = fields.String()


class ExplanationSchema(Schema):
    """Every stretch from receipt to the due time; the counted ones sum to `total` on the scale."""

    scale = fields.Function(lambda explanation: explanation.scale.value, metadata={"type": "string"})
    total = fields.Integer()
    counted = fields.Integer()
    entries = fields.List(fields.Nested(EntrySchema))


class LimitAnswer(Schema):
    """A time limit."""

    kind = fields.Function(lambda limit: limit.kind.value, metadata={"type": "string"})
    count = fields.Integer()
    text = fields.String()


class DueSchema(Schema):
    """A due time with everything that it was counted from."""

    state = fields.String()
    state_text = fields.Function(lambda due: STATES[due["state"]], metadata={"type": "string"})
    due_state = fields.String(allow_none=True)
    limit = fields.Nested(LimitAnswer)
    received_at = fields.AwareDateTime(allow_none=True)
    started_at = fields.AwareDateTime(allow_none=True)
    due_at = fields.AwareDateTime(allow_none=True)
    standing_due_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "the due time if the pause ended now"}
    )
    counted_due_at = fields.AwareDateTime(
        allow_none=True, metadata={"description": "what is explained; a finished dossier keeps the date it had"}
    )
    remaining = fields.Nested(RemainingSchema, allow_none=True)
    explanation = fields.Nested(ExplanationSchema, allow_none=True)


class StepDue(DueSchema):
    """The same for the step under way, by the calendar of its unit."""

    name = fields.String()
    unit = fields.String()


class DossierDue(DueSchema):
    """A dossier's due time."""

    code = fields.String()
    unit = fields.String()
    rule_set = fields.String()
    decree = fields.String()
    answer_due_at = fields.AwareDateTime(allow_none=True)
    first_due_at = fields.AwareDateTime(allow_none=True)
    supplement_until = fields.Date(allow_none=True)
    step = fields.Nested(StepDue, allow_none=True)


class IntervalSchema(Schema):
    """A stretch in which the clock stands still; without an end it still does."""

    kind = fields.Enum(IntervalKind, by_value=True, load_default=IntervalKind.OTHER)
    started_at = fields.AwareDateTime(required=True, validate=TIME)
    ended_at = fields.AwareDateTime(load_default=None, validate=TIME)

    @validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """It ends after it began."""
        if data["ended_at"] and data["ended_at"] < data["started_at"]:
            raise ValidationError("Khoảng tạm dừng kết thúc trước khi bắt đầu", "ended_at")


class ReappointmentSchema(Schema):
    """A new date agreed in a letter of apology."""

    agreed_at = fields.AwareDateTime(required=True, validate=TIME)
    due_at = fields.AwareDateTime(required=True, validate=TIME)


class WhatIf(Schema):
    """A procedure or a limit, a unit, and what would happen."""

    procedure = fields.String(load_default=None, validate=validate.Length(1, 60))
    limit = fields.Nested(catalogue_load.LimitSchema, load_default=None)
    unit = fields.String(required=True, validate=validate.Length(1, 60))
    received_at = fields.AwareDateTime(required=True, validate=TIME)
    intervals = fields.List(
        fields.Nested(IntervalSchema), load_default=list, validate=validate.Length(max=MOST_INTERVALS)
    )
    supplement_clock = fields.Enum(SupplementClock, by_value=True, load_default=None)
    reappointment = fields.Nested(ReappointmentSchema, load_default=None)
    now = fields.AwareDateTime(load_default=None, validate=TIME, metadata={"description": "what is left from here"})

    @validates_schema
    def check_limit(self, data: dict[str, Any], **_: Any) -> None:
        """One of the two, and a limit that can be counted."""
        if (data["procedure"] is None) == (data["limit"] is None):
            raise ValidationError("Cho biết thủ tục (procedure) hoặc thời hạn (limit), một trong hai", "limit")
        if data["limit"]:
            try:
                Limit(data["limit"]["kind"], data["limit"]["count"])
            except BadLimit as error:
                raise ValidationError({"limit": {"count": [str(error)]}}) from None


class WhatIfAnswer(DueSchema):
    """When it would be due."""

    rule_set = fields.String()
    decree = fields.String()


@blueprint.route("/v1/dossiers/<code>/deadline")
@require("dossier:read")
@transactional
@blueprint.response(200, DossierDue)
def show_deadline(tx: Tx, code: str) -> dict[str, Any]:
    """When a dossier is due, what is left in working time, and the explanation: each day or part of a day, and why."""
    dossier = reading.readable(tx, code).dossier
    now = datetime.datetime.now(datetime.UTC)
    calendars = catalogue.calendars(tx, {dossier.unit, *(step.unit for step in dossier.terms.steps)})
    counted = dossier_deadline(dossier, calendars)
    state, over = _state(dossier, counted), dossier.status.closed or dossier.status is Status.COMPLETED
    told = _due(counted, calendar_of(calendars, dossier.unit), None if over else now) | {"state": state}
    step = dossier.current_step if not over else None
    told_step = step and {"name": step.plan.name, "unit": step.plan.unit, "limit": step.plan.limit} | {
        "received_at": step.started_at,
        **_due(step_deadline(dossier, step, calendars), calendar_of(calendars, step.plan.unit), now),
    }
    kept = {name: getattr(dossier, name) for name in ("code", "unit", "first_due_at", "supplement_until", "due_at")}
    return told | kept | _rules(dossier.rules) | {
        "limit": dossier.terms.limit,
        "received_at": dossier.accepted_at,
        "answer_due_at": dossier.intake_due_at if dossier.status is Status.FILED else None,
        "standing_due_at": dossier.standing_due_at if over else told["standing_due_at"],
        "step": told_step,
    }  # fmt: skip


@blueprint.route("/v1/deadline", methods=["POST"])
@require("dossier:read")
@transactional
@blueprint.arguments(WhatIf)
@blueprint.response(200, WhatIfAnswer)
def what_if(tx: Tx, body: dict[str, Any]) -> dict[str, Any]:
    """When a dossier would be due, and why; nothing is stored."""
    received_at = body["received_at"]
    day = local_day(received_at)
    unit = catalogue.find_unit(tx, body["unit"], day)
    terms = catalogue.find_procedure(tx, body["procedure"], day).terms if body["procedure"] else None
    limit = terms.limit if terms else Limit(body["limit"]["kind"], body["limit"]["count"])
    clock = body["supplement_clock"] or (terms.supplement_clock if terms else None)
    new = body["reappointment"] and Reappointment(**body["reappointment"])
    calendar = catalogue.calendars(tx, {unit.code})[unit.code]
    rules = _field("received_at", NoRuleSet, lambda: LAW.on(day))
    intervals = [Interval(**interval) for interval in body["intervals"]]
    counted = _field(
        "received_at", CalendarError, lambda: deadline(calendar, rules, limit, received_at, intervals, clock, new)
    )
    now = body["now"] or datetime.datetime.now(datetime.UTC)
    told: dict[str, Any] = _field("now", CalendarError, lambda: _due(counted, calendar, now))
    return told | _rules(rules) | {"limit": limit, "received_at": received_at}


def _due(counted: Deadline | None, calendar: Calendar, now: datetime.datetime | None) -> dict[str, Any]:
    """What is told of a count; without `now` nothing is left to tell the time of."""
    if counted is None:
        return dict.fromkeys(DueSchema().fields)
    due_at = counted.due_at
    return {
        "state": counted.state.value,
        "due_state": due_state(due_at, now).value if now and due_at else None,
        "started_at": counted.started_at,
        "due_at": due_at,
        "standing_due_at": counted.standing_due_at,
        "counted_due_at": due_at,
        "remaining": remaining(calendar, due_at, now) if now and due_at else None,
        "explanation": counted.explanation,
    }


def _state(dossier: Dossier, counted: Deadline | None) -> str:
    if dossier.status.closed:
        return "closed"
    if dossier.status is Status.COMPLETED:
        return "finished"
    return counted.state.value if counted else "not_accepted"


def _rules(rules: RuleSet) -> dict[str, str]:
    return {"rule_set": rules.id, "decree": rules.decree}


def _field(name: str, error: type[Exception], count: Callable[[], Any]) -> Any:
    """What cannot be counted is told with the field that it comes from."""
    try:
        return count()
    except error as found:
        raise Problem(422, "Unprocessable", errors=[{"field": name, "rule": str(found)}]) from None

"""HTTP in: the figures."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from chassis.auth import require
from chassis.database import Tx
from chassis.web import Blueprint, transactional
from stats import domain, store

blueprint = Blueprint("counters", "counters", description="Counters by unit and day")
BLUEPRINTS = [blueprint]


def today() -> datetime.date:
    """The province's today."""
    return domain.reporting_day(datetime.datetime.now(datetime.UTC))


class CounterArguments(Schema):
    """Query of the counters; without dates, today."""

    unit = fields.String(load_default=None, validate=validate.Length(1, 100))
    since = fields.Date(load_default=today)
    until = fields.Date(load_default=today)

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """A period has a beginning and an end, and at most a year between them."""
        if data["since"] > data["until"] or (data["until"] - data["since"]).days > 366:
            raise ValidationError("from `since` at most 366 days", "until")


class CounterSchema(Schema):
    """One counter."""

    unit = fields.String()
    day = fields.Date()
    measure = fields.Enum(domain.Measure, by_value=True)
    value = fields.Integer()


@blueprint.route("/v1/counters")
@require("stats:read")
@transactional
@blueprint.arguments(CounterArguments, location="query")
@blueprint.response(200, CounterSchema(many=True))
def counters(tx: Tx, query: dict[str, Any]) -> list[Any]:
    """Received and finished dossiers by unit and local day."""
    rows = store.read(tx, **query)
    return [{**row._mapping, "measure": domain.Measure(row.measure)} for row in rows]

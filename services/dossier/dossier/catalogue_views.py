"""HTTP in: units and procedures, published for everybody, and their import."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from typing import Any

from flask import Response, make_response, request
from marshmallow import Schema, ValidationError, fields, validate

from chassis import paging
from chassis.auth import public, require
from chassis.database import Tx
from chassis.problems import Problem, field_errors
from chassis.web import Blueprint, transactional
from dossier import catalogue_load, catalogue_store, search_words
from dossier.domain.instants import local_day
from dossier.domain.limits import Limit, LimitKind

blueprint = Blueprint("catalogue", "catalogue", description="Units and procedures")
CATALOGUE_BYTES = 16 * 1024 * 1024
FRESH_S = 300


def cacheable(view: Callable[..., Any]) -> Callable[..., Response]:
    """Anybody may keep the answer for some minutes; whoever asks again with its ETag is told that it still holds."""

    @functools.wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Response:
        response = make_response(view(*args, **kwargs))
        if response.status_code == 200:
            response.headers["Cache-Control"] = f"public, max-age={FRESH_S}"
            response.add_etag()
            response.make_conditional(request)
        return response

    return wrapped


class SearchArguments(paging.PageArguments):
    """Words, and the day whose catalogue is asked for."""

    q = fields.String(load_default=None, validate=validate.Length(1, 200))
    on = fields.Date(load_default=None, metadata={"description": "valid on this day; default: today"})


class UnitArguments(SearchArguments):
    """What units are narrowed to."""

    level = fields.String(load_default=None, validate=validate.OneOf(catalogue_load.LEVELS))
    parent = fields.String(load_default=None, validate=validate.Length(1, 60))


class ProcedureArguments(SearchArguments):
    """What procedures are narrowed to."""

    field = fields.String(load_default=None, validate=validate.Length(1, 60))
    level = fields.String(load_default=None, validate=validate.OneOf(catalogue_load.LEVELS))
    online_level = fields.Integer(load_default=None, validate=validate.Range(1, 4))


class PublicUnit(Schema):
    """An agency, with the codes of both schemes (QĐ 20/2020/QĐ-TTg, QCVN 102:2016)."""

    code = fields.String()
    legacy_code = fields.String(allow_none=True)
    name = fields.String()
    level = fields.String()
    parent = fields.String(allow_none=True)
    hours = fields.String(allow_none=True)
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class PublicLimit(Schema):
    """How long it may take."""

    kind = fields.String()
    count = fields.Integer()
    text = fields.String()


class PublicProcedure(Schema):
    """A procedure as it is in force."""

    code = fields.String()
    version = fields.Integer()
    name = fields.String()
    field_code = fields.String()
    field_name = fields.String()
    unit_levels = fields.List(fields.String())
    online_level = fields.Integer()
    online_scope = fields.String(allow_none=True)
    limit = fields.Nested(PublicLimit)
    supplement_clock = fields.String(allow_none=True)
    supplement_within_days = fields.Integer(allow_none=True)
    on_the_spot = fields.Boolean()
    fee_vnd = fields.Integer()
    steps = fields.List(fields.Dict())
    documents = fields.List(fields.String())
    result = fields.String(allow_none=True)
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class UnitPage(Schema):
    """A page of units."""

    items = fields.List(fields.Nested(PublicUnit))
    next = fields.String(allow_none=True)


class ProcedurePage(Schema):
    """A page of procedures."""

    items = fields.List(fields.Nested(PublicProcedure))
    next = fields.String(allow_none=True)


class LoadedSchema(Schema):
    """How many of each were stored."""

    units = fields.Integer()
    procedures = fields.Integer()
    overrides = fields.Integer()


@blueprint.route("/v1/units")
@public
@cacheable
@transactional
@blueprint.arguments(UnitArguments, location="query")
@blueprint.response(200, UnitPage)
def list_units(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Units by code; with words, those that match them with their accents first."""
    narrow = {
        "level": query["level"],
        "parent": query["parent"] and (catalogue_store.code_of(tx, query["parent"]) or ""),
    }
    rows = catalogue_store.list_units(tx, **_search(query), **narrow)
    return paging.page(rows, query["limit"], lambda row: [row.phase, row.code])


@blueprint.route("/v1/units/<code>")
@public
@cacheable
@transactional
@blueprint.response(200, PublicUnit)
def show_unit(tx: Tx, code: str) -> Any:
    """One unit, by its code of either scheme."""
    return catalogue_store.find_unit(tx, _today(), code) or _missing(f"Không có đơn vị {code}")


@blueprint.route("/v1/procedures")
@public
@cacheable
@transactional
@blueprint.arguments(ProcedureArguments, location="query")
@blueprint.response(200, ProcedurePage)
def list_procedures(tx: Tx, query: dict[str, Any]) -> dict[str, Any]:
    """Procedures in force, by code; with words, those that match them with their accents first."""
    narrow = {"field": query["field"], "unit_level": query["level"], "online_level": query["online_level"]}
    rows = catalogue_store.list_procedures(tx, **_search(query), **narrow)
    page = paging.page(rows, query["limit"], lambda row: [row.phase, row.code])
    return page | {"items": [_procedure(row) for row in page["items"]]}


@blueprint.route("/v1/procedures/<code>")
@public
@cacheable
@transactional
@blueprint.response(200, PublicProcedure)
def show_procedure(tx: Tx, code: str) -> Any:
    """One procedure in force."""
    row = catalogue_store.find_procedure(tx, _today(), code)
    return _procedure(row) if row else _missing(f"Không có thủ tục {code}")


def whole_catalogue(view: Callable[..., Any]) -> Callable[..., Any]:
    """A catalogue may be larger than other bodies."""

    @functools.wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        request.max_content_length = CATALOGUE_BYTES
        return view(*args, **kwargs)

    return wrapped


@blueprint.route("/v1/catalogue", methods=["POST"])
@require("catalogue:write")
@whole_catalogue
@transactional
@blueprint.arguments(catalogue_load.CatalogueSchema)
@blueprint.response(200, LoadedSchema)
def load_catalogue(tx: Tx, body: dict[str, Any]) -> dict[str, int]:
    """Store units, procedures and overrides, all or nothing; loading the same again changes nothing."""
    try:
        return catalogue_load.store_loaded(tx, body)
    except ValidationError as error:
        raise Problem(422, "Unprocessable", errors=field_errors(error.messages)) from None


def _today() -> datetime.date:
    return local_day(datetime.datetime.now(datetime.UTC))


def _search(query: dict[str, Any]) -> dict[str, Any]:
    try:
        words = search_words.sought(query["q"]) if query["q"] else None
    except search_words.NoWords:
        raise Problem(422, "Unprocessable", errors=[{"field": "q", "rule": "has no letter and no digit"}]) from None
    after = paging.decode(query["cursor"], [0, ""])
    if len(after) != 2 or after[0] not in (0, 1) or not isinstance(after[1], str) or "\x00" in after[1]:
        raise Problem(422, "Unprocessable", errors=[{"field": "cursor", "rule": "not a cursor handed out here"}])
    return {"on": query["on"] or _today(), "words": words, "after": after, "limit": query["limit"] + 1}


def _procedure(row: Any) -> dict[str, Any]:
    limit = Limit(LimitKind(row.limit_kind), row.limit_count)
    return dict(row._mapping) | {"limit": {"kind": row.limit_kind, "count": row.limit_count, "text": limit.text}}


def _missing(detail: str) -> Any:
    raise Problem(404, "Not found", detail, code="not-in-catalogue")

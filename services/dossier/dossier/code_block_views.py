"""HTTP in: blocks of dossier codes reserved for desks that work without a connection."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from chassis import context, paging
from chassis.auth import require
from chassis.database import Tx
from chassis.problems import Problem
from chassis.web import Blueprint, transactional
from dossier import catalogue, code_blocks, desk, reading
from dossier.domain.instants import local_day

blueprint = Blueprint("code_blocks", "code_blocks", description="Blocks of dossier codes reserved ahead")


def today() -> datetime.date:
    """The local day of a call."""
    return local_day(datetime.datetime.now(datetime.UTC))


class NewBlock(Schema):
    """How many codes of a unit, for dossiers received on which day."""

    unit = fields.String(required=True, validate=validate.Length(1, 60))
    day = fields.Date(load_default=None, metadata={"description": "default: today"})
    count = fields.Integer(required=True, strict=True, validate=validate.Range(1, code_blocks.MOST_CODES))
    reason = fields.String(load_default=None, validate=validate.Length(1, 200))


class BlockLine(Schema):
    """A block in a list."""

    id = fields.Integer()
    unit = fields.String()
    day = fields.Date()
    count = fields.Integer()
    first_code = fields.String()
    last_code = fields.String()
    reason = fields.String(allow_none=True)
    reserved_by = fields.String()
    reserved_at = fields.AwareDateTime()


class BlockSchema(BlockLine):
    """A block with every code of it."""

    codes = fields.List(fields.String())
    used = fields.List(fields.String(), metadata={"description": "codes under which a dossier was received"})


class BlockArguments(paging.PageArguments):
    """What the list is narrowed to."""

    unit = fields.String(load_default=None, validate=validate.Length(1, 60))
    day = fields.Date(load_default=None)


class BlockPage(Schema):
    """A page of blocks, newest first."""

    items = fields.List(fields.Nested(BlockLine))
    next = fields.String(allow_none=True)


def _line(block: Any) -> dict[str, Any]:
    numbers = {"first_code": block.first_number, "last_code": block.last_number}
    codes = {name: code_blocks.CODES.code(block.unit, block.day, number) for name, number in numbers.items()}
    return dict(block._mapping) | codes


def _shown(tx: Tx, block: Any) -> dict[str, Any]:
    return _line(block) | {"codes": code_blocks.codes(block), "used": code_blocks.used(tx, block)}


@blueprint.route("/v1/code-blocks", methods=["POST"])
@require("dossier:write")
@transactional
@blueprint.arguments(NewBlock)
@blueprint.response(201, BlockSchema)
def reserve_block(tx: Tx, body: dict[str, Any]) -> Any:
    """Reserve codes of the caller's unit for today or a day to come; live filing goes on after them."""
    day = body["day"] or today()
    unit = catalogue.find_unit(tx, body["unit"], day)
    if not context.current().caller.may_act_for(unit.code):
        raise desk.WrongUnit(unit.code)
    block = code_blocks.reserve(tx, unit.code, day, body["count"], body["reason"], today())
    return _shown(tx, block), 201, {"Location": f"/v1/code-blocks/{block.id}"}


@blueprint.route("/v1/code-blocks")
@require("dossier:read")
@transactional
@blueprint.arguments(BlockArguments, location="query")
@blueprint.response(200, BlockPage)
def list_blocks(tx: Tx, query: dict[str, Any]) -> Any:
    """The blocks of the units that the caller may read, newest first."""
    units = reading.reach(tx).units
    if query["unit"] is not None:
        asked = reading.below(tx, query["unit"]).units
        units = asked if units is None else units if asked is None else units & asked
    before, limit = paging.decode(query["cursor"], 2**62), query["limit"]
    rows = code_blocks.listed(tx, units, query["day"], before, limit + 1)
    page = paging.page(rows, limit, lambda row: row.id)
    return page | {"items": [_line(block) for block in page["items"]]}


@blueprint.route("/v1/code-blocks/<int:block_id>")
@require("dossier:read")
@transactional
@blueprint.response(200, BlockSchema)
def show_block(tx: Tx, block_id: int) -> Any:
    """A block with its codes, and which of them are used."""
    block = code_blocks.get(tx, block_id) if block_id < 2**63 else None
    reach = reading.reach(tx).units
    if block is None or (reach is not None and block.unit not in reach):
        raise Problem(404, "Not found", "Không có dải mã này", code="no-such-block")
    return _shown(tx, block)

"""One business act is one call: load, ask the domain, save, remember, announce, tell; all in one transaction."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from chassis import audit, context
from chassis.database import Tx, Writer, together
from dossier import catalogue, code_blocks, store, watch_store
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel, Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.facts import Done
from dossier.domain.instants import local_day
from dossier.states import to_json
from dossier.telling import Tidings, tell

CODES = code_blocks.CODES
Verb = Callable[[Dossier, datetime.datetime, Calendars], Done]


class WrongUnit(PermissionError):
    """The caller's unit claim does not cover the dossier's unit, nor that of its step under way."""


class UnitCannot(ValueError):
    """The procedure is not handled at the level of this unit."""


def file(
    tx: Tx,
    procedure_code: str,
    unit_code: str,
    channel: Channel,
    person: store.Person,
    now: datetime.datetime,
    code: str | None = None,
) -> store.Record:
    """File a dossier: number it within its unit and local day, or under a `code` of a reserved block, and announce it.

    Raises NotInCatalogue, UnitCannot, NotReserved, CodeTaken.
    """
    day = local_day(now)
    unit = catalogue.find_unit(tx, unit_code, day)
    if not context.current().caller.may_act_for(unit.code):
        raise WrongUnit(unit.code)
    procedure = catalogue.find_procedure(tx, procedure_code, day)
    if unit.level not in procedure.unit_levels:
        raise UnitCannot(f"{procedure.code} is handled at level {', '.join(procedure.unit_levels)}, not {unit.level}")
    if code is None:
        code = CODES.code(unit.code, day, store.next_number(tx, unit.code, day))
    else:
        code_blocks.claim(tx, code, unit.code, day)
    calendars = _calendars(tx, unit.code)
    done = lifecycle.receive(code, procedure.terms, unit.code, channel, now, calendars)
    record = store.Record(done.dossier, person, procedure.version, unit.name, procedure.name, 1)
    with together(tx) as writer:
        store.add(writer, record)
        watch_store.keep(writer, done.dossier, calendars, new=True)
        _tell(writer, record, done, "dossier.receive", before=None)
    return record


def act(
    tx: Tx,
    code: str,
    verb: Verb,
    name: str,
    now: datetime.datetime,
    check: Callable[[int], None] = lambda _: None,
    from_above: bool = False,
) -> store.Record:
    """Do one act to a dossier. `check` is given its version first; with `from_above` a unit above may do it too.

    Raises NoSuchDossier, WrongUnit, RuleBroken.
    """
    record = store.get(tx, code, lock=True)
    check(record.version)
    _check_unit(record.dossier, catalogue.above(tx, record.dossier.unit) if from_above else ())
    calendars = _calendars(tx, *_units(record.dossier))
    done = verb(record.dossier, now, calendars)
    after = store.Record(**(vars(record) | {"dossier": done.dossier, "version": record.version + 1}))
    with together(tx) as writer:
        store.save(writer, done.dossier)
        watch_store.keep(writer, done.dossier, calendars)
        _tell(writer, after, done, f"dossier.{name}", before=record.dossier)
    return after


def _tell(tx: Writer, record: store.Record, done: Done, action: str, before: Dossier | None) -> None:
    tell(tx, [Tidings(record, done.facts)])
    audit.record(tx, action, f"dossier/{done.dossier.code}", _hashed(before), _hashed(done.dossier))


def _hashed(dossier: Dossier | None) -> Any:
    return None if dossier is None else to_json(dossier)


def covers(dossier: Dossier) -> bool:
    """Whether the caller's unit claim covers the dossier's unit, or that of its step under way."""
    caller = context.current().caller
    step = dossier.current_step
    return any(caller.may_act_for(unit) for unit in (dossier.unit, *([step.plan.unit] if step else [])))


def _check_unit(dossier: Dossier, above: Sequence[str] = ()) -> None:
    if not (covers(dossier) or any(context.current().caller.may_act_for(unit) for unit in above)):
        raise WrongUnit(dossier.unit)


def _units(dossier: Dossier) -> set[str]:
    return {dossier.unit, *(step.unit for step in dossier.terms.steps)}


def _calendars(tx: Tx, *units: str) -> Calendars:
    return catalogue.calendars(tx, units)

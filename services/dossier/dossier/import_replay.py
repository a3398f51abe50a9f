"""Replays histories through the domain: the acts and rules of the desk, each act at its own time, many dossiers at once.

No message goes to anybody: citizens were told then, or were not, and are not told years later.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from chassis import audit, context
from chassis.database import Tx
from chassis.outbox import announce_many
from dossier import acting, catalogue, code_blocks, imports_store, watch_store
from dossier.domain import lifecycle
from dossier.domain.calendar import CalendarError
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.facts import Done, Fact
from dossier.domain.instants import instant, local_day
from dossier.domain.refusals import RuleBroken
from dossier.domain.rules import NoRuleSet
from dossier.import_catalogue import Catalogue, Missing
from dossier.import_events import Entries
from dossier.import_lines import BadLine, ImportLine, PastAct
from dossier.imports_store import Run
from dossier.states import fact_to_json, to_json
from dossier.store import Record


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """One fact of a history, with the dossier as it stood after the act, and who did it."""

    dossier: Dossier
    fact: Fact
    actor: str | None


class Replay:
    """One batch of lines of a source, in one transaction: take each line, then store all that came of them."""

    def __init__(self, tx: Tx, run: Run, lines: Sequence[ImportLine]) -> None:
        self.tx, self.run = tx, run
        self.now = datetime.datetime.now(datetime.UTC)
        self.known = imports_store.known(tx, run.source, [line.source_code for line in lines])
        self.records = watch_store.get_many(tx, [row.code for row in self.known.values()], lock=True)
        self.catalogue = Catalogue(tx, {line.unit for line in lines}, {line.procedure for line in lines})
        fresh = [line for line in lines if line.source_code not in self.known]
        self.wrong_codes = code_blocks.pass_by(tx, self._received(fresh), self.now)
        self.taken = imports_store.taken(tx, [line.code for line in fresh])
        units = self.catalogue.unit_codes() | {u for each in self.records.values() for u in _units(each.dossier)}
        self.calendars: Calendars = catalogue.calendars(tx, units)
        self.added: list[Record] = []
        self.changed: list[tuple[Dossier, Record]] = []
        self.told: list[Told] = []
        self.sources: list[dict[str, Any]] = []

    def _received(self, lines: Sequence[ImportLine]) -> list[tuple[str, str, datetime.datetime]]:
        codes = self.catalogue.code_of
        return [(line.code, codes(line.unit) or line.unit, line.filed_at) for line in lines]

    def take(self, line: ImportLine) -> str:
        """What a line does: `added`, `extended` or `unchanged`. Raises BadLine; then it has done nothing."""
        row = self.known.get(line.source_code)
        if row is None:
            self._add(line)
            return "added"
        record = self.records[row.code]
        _check_same(line, row, record.dossier, self.catalogue)
        _check_caller(record.dossier.unit)
        more = line.acts[len(row.acts) :]
        if not more:
            return "unchanged"
        self._extend(line, record, more, len(row.acts))
        return "extended"

    def _add(self, line: ImportLine) -> None:
        day = local_day(line.filed_at)
        try:
            unit, procedure = self.catalogue.unit(line.unit, day), self.catalogue.procedure(line.procedure, day)
        except Missing as missing:
            raise BadLine((missing.field, str(missing))) from None
        _check_caller(unit.code)
        if unit.level not in procedure.unit_levels:
            raise BadLine(("unit", "Thủ tục không thuộc thẩm quyền của cấp này"))
        self._check_code(line)
        try:
            begun = lifecycle.receive(
                line.code, procedure.terms, unit.code, line.channel, line.filed_at, self.calendars
            )
        except (NoRuleSet, CalendarError) as error:
            raise BadLine(("filed_at", str(error))) from None
        told = [Told(begun.dossier, fact, None) for fact in begun.facts]
        dossier = self._replayed(begun.dossier, line.acts, 0, told)
        version = 1 + len(line.acts)
        self.added.append(Record(dossier, line.applicant, procedure.version, unit.name, procedure.name, version))
        self._note(line, told)

    def _check_code(self, line: ImportLine) -> None:
        if wrong := self.wrong_codes.get(line.code):
            raise BadLine(("code", wrong))
        if line.code in self.taken:
            source, _ = self.taken[line.code]
            owner = f"nguồn {source}" if source else "hệ thống này"
            raise BadLine(("code", f"Mã hồ sơ đã có, thuộc {owner}"))

    def _extend(self, line: ImportLine, record: Record, more: Sequence[PastAct], before: int) -> None:
        if instant(more[0].at) < instant(record.dossier.last_act_at):
            raise BadLine((f"acts.{before}.at", "Thời điểm sớm hơn việc cuối cùng đã ghi của hồ sơ"))
        told: list[Told] = []
        dossier = self._replayed(record.dossier, more, before, told)
        after = dataclasses.replace(record, dossier=dossier, version=record.version + len(more))
        self.changed.append((record.dossier, after))
        self._note(line, told)

    def _replayed(self, dossier: Dossier, acts: Sequence[PastAct], first: int, told: list[Told]) -> Dossier:
        for number, each in enumerate(acts, first):
            try:
                done: Done = acting.perform(each.act, dossier, each.at, self.calendars, each.body)
            except RuleBroken as broken:
                raise BadLine((f"acts.{number}", str(broken))) from None
            except CalendarError as error:
                raise BadLine((f"acts.{number}", str(error))) from None
            dossier = done.dossier
            told.extend(Told(dossier, fact, each.actor) for fact in done.facts)
        return dossier

    def _note(self, line: ImportLine, told: list[Told]) -> None:
        self.told += told
        acts = [each.digest for each in line.acts]
        self.sources.append({"source_code": line.source_code, "code": line.code, "acts": acts})

    def store(self) -> None:
        """Keep everything that was taken: dossiers, promises, histories, events in the order of each history, audit."""
        tx, changed = self.tx, [after for _, after in self.changed]
        states = {each.dossier.code: to_json(each.dossier) for each in (*self.added, *changed)}
        imports_store.add_dossiers(tx, self.added, states)
        imports_store.save_dossiers(tx, changed, states)
        imports_store.note_sources(tx, self.run, self.sources)
        dossiers = [each.dossier for each in (*self.added, *changed)]
        if dossiers:
            watch_store.keep_many(tx, dossiers, self.calendars)
        watch_store.remember_many(tx, [self._line(each) for each in self.told])
        entries = Entries()
        announce_many(tx, [entries.entry(each.dossier, each.fact) for each in self.told])
        before = {dossier.code: to_json(dossier) for dossier, _ in self.changed}
        after = [(f"dossier/{code}", before.get(code), state) for code, state in states.items()]
        audit.record_many(tx, "dossier.import", after)

    def _line(self, told: Told) -> dict[str, Any]:
        caller = context.current().caller
        return {
            "code": told.dossier.code,
            "fact": type(told.fact).__name__,
            "status": int(told.dossier.status),
            "at": told.fact.at.isoformat(),
            "actor": f"{self.run.source}:{told.actor}" if told.actor else caller.subject,
            "unit": caller.unit,
            "data": fact_to_json(told.fact),
        }


def _units(dossier: Dossier) -> set[str]:
    return {dossier.unit, *(step.unit for step in dossier.terms.steps)}


def _check_caller(unit: str) -> None:
    if not context.current().caller.may_act_for(unit):
        raise BadLine(("unit", "Không được nhập hồ sơ của đơn vị này"))


def _check_same(line: ImportLine, row: Any, dossier: Dossier, units: Catalogue) -> None:
    """What was imported before stands: a line may only add acts to it."""
    said = {
        "code": (line.code, row.code),
        "procedure": (line.procedure, dossier.terms.procedure),
        "unit": (units.code_of(line.unit), dossier.unit),
        "channel": (line.channel, dossier.channel),
        "filed_at": (instant(line.filed_at), instant(dossier.filed_at)),
    }
    said |= {f"applicant.{name}": (value, getattr(row, name)) for name, value in vars(line.applicant).items()}
    wrong = [(field, "Khác với lần nhập trước") for field, (now, before) in said.items() if now != before]
    if len(line.acts) < len(row.acts):
        wrong.append(("acts", f"Ngắn hơn lần nhập trước ({len(row.acts)} việc)"))
    for number, (act, digest) in enumerate(zip(line.acts, row.acts, strict=False)):
        if act.digest != digest:
            wrong.append((f"acts.{number}", "Khác với lần nhập trước"))
            break
    if wrong:
        raise BadLine(*wrong)

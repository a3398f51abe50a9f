"""All SQL of dossiers."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

from chassis.database import Tx, Writer, database_of
from dossier.domain.dossiers import Dossier
from dossier.states import from_json, to_json

NEXT_NUMBER = """
INSERT INTO dossier_code_counter AS c (unit, day, last) VALUES (%(unit)s, %(day)s, 1)
ON CONFLICT (unit, day) DO UPDATE SET last = c.last + 1 RETURNING last
"""
ADD = """
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, accepted_at, due_at,
                     completed_at, closed_at, state, full_name, email, phone, identity_number, address)
VALUES (%(code)s, %(unit)s, %(procedure_code)s, %(procedure_version)s, %(channel)s, %(status)s, %(filed_at)s,
        %(accepted_at)s, %(due_at)s, %(completed_at)s, %(closed_at)s, %(state)s, %(full_name)s, %(email)s, %(phone)s,
        %(identity_number)s, %(address)s)
"""
SELECT = """
SELECT d.code, d.unit, u.name AS unit_name, d.procedure_code, d.procedure_version, p.name AS procedure_name, d.channel,
       d.status, d.filed_at, d.accepted_at, d.due_at, d.completed_at, d.closed_at, d.state, d.full_name, d.email,
       d.phone, d.identity_number, d.address, d.version
FROM dossier d JOIN unit u ON u.code = d.unit
JOIN procedure p ON (p.code, p.version) = (d.procedure_code, d.procedure_version)
WHERE d.code = %(code)s
"""
SAVE = """
UPDATE dossier SET status = %(status)s, accepted_at = %(accepted_at)s, due_at = %(due_at)s,
    completed_at = %(completed_at)s, closed_at = %(closed_at)s, state = %(state)s, version = version + 1
WHERE code = %(code)s
"""
HISTORY = "SELECT id, fact, status, at, actor, unit, data FROM dossier_history WHERE code = %(code)s ORDER BY id"


class NoSuchDossier(LookupError):
    """No dossier has this code."""


@dataclasses.dataclass(frozen=True)
class Person:
    """Who filed a dossier; personal data (NĐ 13/2023), kept in this table and told to nobody but notify."""

    full_name: str
    email: str | None = None
    phone: str | None = None
    identity_number: str | None = None
    address: str | None = None


@dataclasses.dataclass(frozen=True)
class Record:
    """A dossier as it is stored: what the rules judge, the person, and the names that people read."""

    dossier: Dossier
    person: Person
    procedure_version: int
    unit_name: str
    procedure_name: str
    version: int


def next_number(tx: Tx, unit: str, day: datetime.date) -> int:
    """The next number of a unit on a local day, from 1.

    It is drawn for good, so that no filing waits until another has ended; where one fails, its number stays unused.
    """
    return int(database_of(tx).at_once(NEXT_NUMBER, {"unit": unit, "day": day})[0])


def _columns(dossier: Dossier) -> dict[str, Any]:
    names = ("code", "unit", "filed_at", "accepted_at", "due_at", "completed_at", "closed_at")
    columns: dict[str, Any] = {name: getattr(dossier, name) for name in names}
    columns |= {"channel": dossier.channel.value, "status": int(dossier.status)}
    return columns | {"procedure_code": dossier.terms.procedure, "state": json.dumps(to_json(dossier))}


def add(tx: Writer, record: Record) -> None:
    """Store a new dossier."""
    own = {"procedure_version": record.procedure_version}
    tx.exec_driver_sql(ADD, _columns(record.dossier) | own | dataclasses.asdict(record.person))


def get(tx: Tx, code: str, lock: bool = False) -> Record:
    """One dossier; `lock` keeps others from changing it until commit. Raises NoSuchDossier."""
    row = tx.exec_driver_sql(SELECT + ("FOR UPDATE OF d" if lock else ""), {"code": code}).first()
    if row is None:
        raise NoSuchDossier(code)
    person = Person(row.full_name, row.email, row.phone, row.identity_number, row.address)
    return Record(from_json(row.state), person, row.procedure_version, row.unit_name, row.procedure_name, row.version)


def exists(tx: Tx, code: str) -> bool:
    """Whether a dossier has this code."""
    found = tx.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM dossier WHERE code = %(code)s)", {"code": code})
    return bool(found.scalar_one())


def save(tx: Writer, dossier: Dossier) -> None:
    """Store a changed dossier, read with `lock`."""
    tx.exec_driver_sql(SAVE, _columns(dossier))


def remember_told(tx: Tx, code: str, at: datetime.datetime, template: str, channel: str) -> None:
    """Append to the history that the citizen was told. A message about something else is none of ours."""
    tx.exec_driver_sql(
        """
        INSERT INTO dossier_history (code, fact, status, at, actor, unit, data)
        SELECT code, 'CitizenTold', status, %(at)s, 'notify', NULL, %(data)s FROM dossier WHERE code = %(code)s
        """,
        {"code": code, "at": at, "data": json.dumps({"template": template, "channel": channel})},
    )


def history(tx: Tx, code: str) -> list[Any]:
    """What happened to a dossier, in order."""
    return list(tx.exec_driver_sql(HISTORY, {"code": code}))

"""Who may read which dossiers: an officer those of the own unit, of the units below it, and those with a step there."""

from __future__ import annotations

import dataclasses

from chassis import context
from chassis.context import Caller
from chassis.database import Tx
from dossier import store
from dossier.desk import WrongUnit
from dossier.domain.dossiers import Dossier

BELOW = """
WITH RECURSIVE below AS (
    SELECT code FROM unit WHERE code = %(code)s OR legacy_code = %(code)s
    UNION SELECT u.code FROM unit u JOIN below ON u.parent = below.code
)
SELECT coalesce(array_agg(code), '{}') AS codes, count(*) = (SELECT count(*) FROM unit) AS everything FROM below
"""


@dataclasses.dataclass(frozen=True)
class Reach:
    """The units whose dossiers somebody may read; None: every unit there is."""

    units: frozenset[str] | None

    def covers(self, dossier: Dossier) -> bool:
        """Whether the dossier, or one of its steps, is or was in one of the units."""
        return self.units is None or bool(self.units & {dossier.unit, *(step.plan.unit for step in dossier.steps)})


def below(tx: Tx, unit: str) -> Reach:
    """A unit, by either of its codes, and all units below it; nothing where there is no such unit."""
    row = tx.exec_driver_sql(BELOW, {"code": unit}).one()
    return Reach(None if row.everything and row.codes else frozenset(row.codes))


def reach(tx: Tx, caller: Caller | None = None) -> Reach:
    """What the caller may read. A caller without a unit reads nothing."""
    caller = caller or context.current().caller
    if caller.unit == "*":
        return Reach(None)
    return below(tx, caller.unit) if caller.unit else Reach(frozenset())


def readable(tx: Tx, code: str) -> store.Record:
    """A dossier that the caller may read. Raises NoSuchDossier, WrongUnit."""
    record = store.get(tx, code)
    if not reach(tx).covers(record.dossier):
        raise WrongUnit(record.dossier.unit)
    return record

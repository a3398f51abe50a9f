"""The register is kept from the migration on, and knows what was filed before it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from alembic import command

from chassis.database import Database
from chassis.migrate import configuration
from chassis.settings import DatabaseSettings
from dossier import catalogue, catalogue_load, store
from dossier.__main__ import SERVICE
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel
from dossier.domain.instants import VIETNAM
from infra.local.stack import Stack
from tests.integration.dossier.watching import execute

NAME = "dossier_before_the_register"


def test_dossiers_filed_before_the_register_are_in_it(private_servers: Stack) -> None:
    admin, url = (private_servers.database_url("postgres", name) for name in ("postgres", NAME))
    execute(admin, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", f"CREATE DATABASE {NAME}")
    command.upgrade(configuration(SERVICE, url), "dossier_0001")
    database = Database(DatabaseSettings(url=url), "test")
    seed = json.loads(Path("infra/seed/province.json").read_text())
    with database.transaction() as tx:
        for unit in catalogue_load.CatalogueSchema().load(seed)["units"]:
            tx.exec_driver_sql(catalogue_load.ADD_UNIT, unit)
        for procedure in catalogue_load.CatalogueSchema().load(seed)["procedures"]:
            tx.exec_driver_sql(catalogue_load.ADD_PROCEDURE, catalogue_load._procedure_row(procedure))
        find = catalogue.find_procedure.__wrapped__  # this old schema knows no version by which to remember
        found = find(tx, "1.004227", datetime.date(2021, 10, 12))
        at = datetime.datetime(2021, 10, 12, 9, 0, tzinfo=VIETNAM)
        calendars = catalogue._calendars(tx, ["H52.21", "H52.18"])
        dossier = lifecycle.receive("H52.21-211012-0001", found.terms, "H52.21", Channel.DIRECT, at, calendars).dossier
        for act in (lambda d: lifecycle.accept(d, at, calendars), lambda d: lifecycle.forward(d, at, calendars)):
            dossier = act(dossier).dossier
        store.add(tx, store.Record(dossier, store.Person("Nguyễn Văn An"), 1, "", found.name, 1))
    command.upgrade(configuration(SERVICE, url), "dossier_0002")
    with database.transaction() as tx:
        step = tx.exec_driver_sql("SELECT reader, unit, status, due_at FROM register_step").one()
        line = tx.exec_driver_sql("SELECT * FROM register_line WHERE words @@ $$'nguyễn' & '211012'$$").one()
    database.close()
    execute(admin, f"DROP DATABASE {NAME} WITH (FORCE)")
    assert (line.code, line.unit, line.status, line.step_unit) == (dossier.code, "H52.21", 4, "H52.18")
    assert line.due_at == dossier.due_at
    assert tuple(step) == ("H52.18", "H52.21", 4, dossier.due_at)

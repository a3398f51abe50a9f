"""Filing: numbers that nobody waits for, and a catalogue that is remembered until it changes."""

from __future__ import annotations

import datetime

import pytest
import sqlalchemy

from dossier import catalogue, desk
from dossier.domain.dossiers import Channel
from dossier.domain.instants import VIETNAM
from tests.integration.dossier.watching import AN, World

MONDAY = datetime.datetime(2026, 3, 9, 9, 0, tzinfo=VIETNAM)


class Interrupted(Exception):
    """What ends a filing after its number was drawn."""


def test_a_filing_under_way_holds_up_no_other_and_leaves_its_number_unused(world: World) -> None:
    with pytest.raises(Interrupted), world.acting() as tx:
        begun = desk.file(tx, "2.000488", "H52.17", Channel.DIRECT, AN, MONDAY).dossier.code
        ended = world.file(MONDAY)
        raise Interrupted
    assert [begun, ended, world.file(MONDAY)] == [f"H52.17-260309-000{number}" for number in (1, 2, 3)]
    assert world.sql("SELECT code FROM dossier ORDER BY code") == [(ended,), ("H52.17-260309-0003",)]


def test_a_filing_asks_the_database_three_times(world: World) -> None:
    world.file(MONDAY)
    asked: list[str] = []
    for engine in (world.database.engine, world.database.beside):
        sqlalchemy.event.listen(engine, "before_cursor_execute", lambda _c, _cursor, text, *_: asked.append(text))

    world.file(MONDAY)

    assert len(asked) == 3, "which catalogue, which number, and all that is written"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE unit SET name = 'Tên mới' WHERE code = 'H52.17'",
        "UPDATE procedure SET name = 'Tên mới' WHERE code = '2.000488'",
    ],
)
def test_a_name_that_changed_in_the_catalogue_is_used_at_once(world: World, change: str) -> None:
    world.file(MONDAY)
    world.sql(change)

    with world.acting() as tx:
        record = desk.file(tx, "2.000488", "H52.17", Channel.DIRECT, AN, MONDAY)

    assert "Tên mới" in (record.unit_name, record.procedure_name)


def test_a_day_off_entered_meanwhile_is_counted_at_once(world: World) -> None:
    tuesday = MONDAY.date() + datetime.timedelta(days=1)
    assert world.calendar().day(tuesday.toordinal()).windows

    world.sql("INSERT INTO calendar_override (day, works, reason) VALUES (%s, false, 'Nghỉ tránh bão')", tuesday)

    assert not world.calendar().day(tuesday.toordinal()).windows


def test_a_connection_that_runs_for_long_sees_what_changed_between_its_transactions(world: World) -> None:
    tuesday = (MONDAY + datetime.timedelta(days=1)).date()
    with world.database.engine.connect() as connection:
        with connection.begin():
            assert catalogue.calendars(connection, ["H52.17"])["H52.17"].day(tuesday.toordinal()).windows
        world.sql("INSERT INTO calendar_override (day, works, reason) VALUES (%s, false, 'Nghỉ tránh bão')", tuesday)
        with connection.begin():
            assert not catalogue.calendars(connection, ["H52.17"])["H52.17"].day(tuesday.toordinal()).windows


def test_a_change_that_was_rolled_back_is_not_remembered(world: World) -> None:
    with pytest.raises(Interrupted), world.acting() as tx:
        tx.exec_driver_sql("UPDATE unit SET name = 'Không có thật' WHERE code = 'H52.17'")
        assert catalogue.find_unit(tx, "H52.17", MONDAY.date()).name == "Không có thật"
        raise Interrupted
    world.sql("UPDATE procedure SET name = name")  # the next change must not be taken for that one

    with world.acting() as tx:
        assert catalogue.find_unit(tx, "H52.17", MONDAY.date()).name != "Không có thật"


def test_what_is_not_there_is_looked_for_again(world: World) -> None:
    for _ in range(2):
        with world.acting() as tx, pytest.raises(catalogue.NotInCatalogue):
            catalogue.find_unit(tx, "H52.999", MONDAY.date())

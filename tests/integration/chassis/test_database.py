"""The database defends itself: append-only logs, an app role that owns nothing, migrations, the audit chain, the watermark."""

from __future__ import annotations

import datetime
import json

import psycopg2
import pytest
import sqlalchemy

from chassis import audit, context
from chassis.database import database_of, together
from chassis.events import Message
from chassis.inbox import Handler, Inbox
from chassis.settings import WorkerSettings
from tests.integration.chassis.conftest import migrate
from tests.integration.chassis.world import World, execute

pytestmark = pytest.mark.timeout(120)
NOW = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)


def write_log(world: World) -> None:
    """One row in each append-only table."""
    world.sql(
        "INSERT INTO event_log SELECT 1, now(), gen_random_uuid(), 't', 's', 1, now(), '{}', 'c', NULL, NULL"
        " WHERE NOT EXISTS (SELECT 1 FROM event_log)"
    )
    with world.database.transaction() as tx:
        audit.record(tx, "act", "object/1", before=None, after={"a": 1})
    audit.seal(world.database)


@pytest.mark.parametrize("table", ["event_log", "audit_entry", "audit_seal"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_an_append_only_table_refuses_change(live_database: World, table: str, change: str) -> None:
    write_log(live_database)
    column = {"event_log": "subject = 'x'", "audit_entry": "actor = 'x'", "audit_seal": "hash = 'x'"}[table]

    with pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
        live_database.sql(change.format(table, column))

    assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)
    if "TRUNCATE" not in change:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):  # not even the owner, while the trigger stands
            execute(live_database.url("probe_owner"), change.format(table, column))


def test_a_partition_of_the_event_log_refuses_change_too(live_database: World) -> None:
    write_log(live_database)
    part = f"event_log_{datetime.datetime.now(datetime.UTC):%Y%m}"

    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append only"):
        live_database.sql(f"DELETE FROM {part}")


@pytest.fixture(scope="module")
def live_database(new_world) -> World:  # type: ignore[no-untyped-def]
    """A world of which only the database is needed."""
    world: World = new_world()
    return world


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE effect ADD COLUMN x int",
        "DROP TABLE effect",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE event_log DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "UPDATE alembic_version SET version_num = 'x'",
        "DELETE FROM alembic_version",
        "INSERT INTO alembic_version VALUES ('x')",
        "CREATE ROLE intruder",
    ],
)
def test_the_app_role_cannot_alter_anything(live_database: World, statement: str) -> None:
    with pytest.raises(sqlalchemy.exc.DBAPIError) as refused:
        live_database.sql(statement)
    assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege)


def test_the_app_role_owns_nothing(live_database: World) -> None:
    owned = live_database.sql("SELECT relname FROM pg_class WHERE relowner = to_regrole('probe')")
    owned += live_database.sql("SELECT proname FROM pg_proc WHERE proowner = to_regrole('probe')")

    assert owned == []


def test_migrating_twice_changes_nothing(world: World) -> None:
    owner = world.url("probe_owner")
    tables = (
        "SELECT relname, relkind, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    before = world.sql(tables), world.sql("SELECT * FROM alembic_version ORDER BY 1")

    migrate(owner)

    assert (world.sql(tables), world.sql("SELECT * FROM alembic_version ORDER BY 1")) == before


# The audit chain


def chained(world: World, entries: int = 5) -> None:
    """Entries of an officer, sealed."""
    caller = context.Caller("officer-1", "officer", "H48.01", address="10.0.0.7")
    with context.running(context.Context("correlation-1", caller=caller)):
        for number in range(entries):
            with world.database.transaction() as tx:
                audit.record(tx, "dossier.accept", f"dossier/{number}", before={"s": 1}, after={"s": 2})
    audit.seal(world.database)


def as_owner(world: World, table: str, statement: str) -> None:
    """What somebody who has taken the owner's account would do."""
    owner = world.url("probe_owner")
    execute(owner, f"ALTER TABLE {table} DISABLE TRIGGER USER", statement, f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_the_audit_chain_holds_and_says_who_did_what(world: World) -> None:
    chained(world)

    done = world.cli("audit", "verify")

    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["entries"], verdict["broken"]) == (5, None)
    row = world.sql("SELECT * FROM audit_entry ORDER BY id LIMIT 1")[0]
    assert (row.actor, row.role, row.unit, row.address) == ("officer-1", "officer", "H48.01", "10.0.0.7")
    assert (row.action, row.object, row.result, row.correlation_id) == (
        "dossier.accept",
        "dossier/0",
        "ok",
        "correlation-1",
    )
    assert row.before_hash == audit.digest({"s": 1})
    assert row.after_hash == audit.digest({"s": 2})


COLUMNS = [
    "at = at + interval '1 s'",
    *(f"{name} = 'x'" for name in ("actor", "role", "unit", "address", "action", "object")),
]
COLUMNS += [f"{name} = 'x'" for name in ("before_hash", "after_hash", "result", "correlation_id")]


@pytest.mark.parametrize("change", COLUMNS)
def test_a_change_of_any_column_breaks_the_chain(changed_world: World, change: str) -> None:
    number = changed_world.sql("SELECT max(id) FROM audit_entry")[0][0]
    assert audit.verify(changed_world.database).broken is None
    column = change.split(" =", 1)[0]
    before = changed_world.sql(f"SELECT {column}::text FROM audit_entry WHERE id = %s", number)[0][0]

    as_owner(changed_world, "audit_entry", f"UPDATE audit_entry SET {change} WHERE id = {number}")

    assert audit.verify(changed_world.database).broken == f"entry {number} was changed"
    as_owner(changed_world, "audit_entry", f"UPDATE audit_entry SET {column} = '{before}' WHERE id = {number}")


@pytest.fixture(scope="module")
def changed_world(new_world) -> World:  # type: ignore[no-untyped-def]
    """A world with a sealed chain; tests put back what they changed."""
    world: World = new_world()
    chained(world)
    return world


def test_a_removed_entry_breaks_the_chain(world: World) -> None:
    chained(world)
    as_owner(world, "audit_entry", "DELETE FROM audit_entry WHERE id = 2")

    done = world.cli("audit", "verify")

    assert done.returncode == 1
    assert json.loads(done.stdout)["broken"] == "entry 2 was removed"


def test_an_entry_removed_with_its_seal_breaks_the_chain(world: World) -> None:
    chained(world)
    as_owner(world, "audit_entry", "DELETE FROM audit_entry WHERE id = 2")
    as_owner(world, "audit_seal", "DELETE FROM audit_seal WHERE entry_id = 2")

    assert audit.verify(world.database).broken == "seal 2 is missing"


def test_the_newest_entries_removed_with_their_seals_break_a_chain_whose_head_was_noted(world: World) -> None:
    chained(world)
    head = audit.verify(world.database).head
    as_owner(world, "audit_entry", "DELETE FROM audit_entry WHERE id = 5")
    as_owner(world, "audit_seal", "DELETE FROM audit_seal WHERE entry_id = 5")

    assert audit.verify(world.database, head).broken == "the chain does not contain the expected head"


def test_an_entry_that_was_never_sealed_is_found(world: World) -> None:
    chained(world)
    with world.database.transaction() as tx:
        audit.record(tx, "act", "object/late")
    assert audit.verify(world.database).broken is None, "a fresh one is on its way"
    as_owner(world, "audit_entry", "UPDATE audit_entry SET at = now() - interval '10 minutes' WHERE id = 6")

    assert audit.verify(world.database).broken == "entry 6 was never sealed"


def test_an_entry_that_commits_late_is_sealed_all_the_same(world: World) -> None:
    late = world.database.engine.connect()
    audit.record(late, "act", "object/early-id-late-commit")
    chained(world)
    late.commit()
    late.close()

    audit.seal(world.database)

    assert audit.verify(world.database).entries == 6
    assert (
        world.sql(
            "SELECT count(*) FROM audit_entry e LEFT JOIN audit_seal s ON s.entry_id = e.id WHERE s.hash IS NULL"
        )[0][0]
        == 0
    )


# The watermark of the inbox


def inbox(world: World, keep_days: int, handled: list[str]) -> Inbox:
    """An inbox without a broker."""
    handler = Handler(world.fact("counted"), "on_counted", lambda event, tx: handled.append(event.id))
    return Inbox(world.name, f"{world.name}.inbox", world.database, [handler], WorkerSettings(keep_days=keep_days))


def message(world: World, time: datetime.datetime) -> Message:
    """A sound event of that time."""
    return Message(b'{"amount": 1}', world.headers("counted", "old", time=time.isoformat()))


def test_pruning_forgets_old_ids_and_refuses_older_events_from_then_on(world: World) -> None:
    handled: list[str] = []
    box = inbox(world, 30, handled)
    old, new = message(world, NOW - datetime.timedelta(days=32)), message(world, NOW - datetime.timedelta(days=3))
    box.settle([old, new])
    assert len(handled) == 2

    box.prune(NOW)
    box.settle([old, new])

    assert len(handled) == 2, "neither was handled again"
    assert world.sql("SELECT count(*) FROM inbox WHERE event_id = %s", new.headers["cloudEvents:id"])[0][0] == 1
    (dead,) = world.waiting("dead")
    assert (dead.event_id, dead.error_kind) == (old.headers["cloudEvents:id"], "BelowWatermark")
    assert "rebuild" in dead.error


def test_a_worker_that_starts_later_with_another_setting_keeps_to_the_watermark(world: World) -> None:
    handled: list[str] = []
    old = message(world, NOW - datetime.timedelta(days=60))
    inbox(world, 400, handled).settle([old])
    inbox(world, 30, handled).prune(NOW)

    inbox(world, 400, handled).settle([old])

    assert len(handled) == 1
    later = inbox(world, 400, handled)
    later.prune(NOW)
    later.settle([message(world, NOW - datetime.timedelta(days=60))])
    assert len(handled) == 1, "the watermark never moves back"


def test_what_is_written_together_is_in_order_and_one_statement(live_database: World) -> None:
    statements: list[str] = []
    with live_database.database.transaction() as tx:
        tx.exec_driver_sql("CREATE TEMP TABLE noted (id serial, text text) ON COMMIT DROP")
        sqlalchemy.event.listen(tx, "before_cursor_execute", lambda _c, _cursor, text, *_: statements.append(text))
        with together(tx) as writer:
            for text in ("100% %(text)s; của", "sau"):
                writer.exec_driver_sql("INSERT INTO noted (text) VALUES (%(text)s)", {"text": text})
        assert len(statements) == 1
        kept = tx.exec_driver_sql("SELECT text FROM noted ORDER BY id").scalars().all()
    assert kept == ["100% %(text)s; của", "sau"]


def test_where_one_of_them_fails_none_is_written(live_database: World) -> None:
    with pytest.raises(sqlalchemy.exc.DBAPIError), live_database.database.transaction() as tx, together(tx) as writer:
        audit.record(writer, "together", "object/1")
        writer.exec_driver_sql("SELECT 1 / %(zero)s", {"zero": 0})
    assert live_database.sql("SELECT 1 FROM audit_entry WHERE action = 'together'") == []


def test_what_is_done_at_once_stays_where_the_transaction_beside_it_fails(live_database: World) -> None:
    put = "INSERT INTO rate_bucket (bucket, tokens, updated_at) VALUES (%(name)s, 1, now()) RETURNING bucket"
    with pytest.raises(ZeroDivisionError), live_database.database.transaction() as tx:
        assert database_of(tx).at_once(put, {"name": "beside"}) == ("beside",)
        tx.exec_driver_sql(put, {"name": "within"})
        raise ZeroDivisionError
    assert live_database.sql("SELECT bucket FROM rate_bucket WHERE bucket IN ('beside', 'within')") == [("beside",)]

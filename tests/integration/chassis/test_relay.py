"""One active relay, commands that wait for a taker, and a feed that misses nothing."""

from __future__ import annotations

import datetime
import json
import random
import threading
from typing import Any

import amqp
import pytest

from chassis import audit, feed, topology
from chassis.broker import connected
from chassis.events import Command, Fact
from chassis.publisher import Publication, Publisher
from chassis.settings import BrokerSettings
from tests.conditions import wait_until
from tests.integration.chassis.load import Load
from tests.integration.chassis.processes import answers
from tests.integration.chassis.world import World, execute

pytestmark = pytest.mark.timeout(180)


def empty(world: World) -> bool:
    """True when everything was published."""
    return bool(world.sql("SELECT count(*) = 0 FROM outbox")[0][0])


def test_of_two_relays_one_is_active_and_the_other_takes_over_after_kill_9(world: World) -> None:
    world.declare()
    first = world.run("relay")
    wait_until(lambda: "relay active" in first.text, "the first relay to be active")
    second = world.run("relay")
    with Load(world, "takeover", subjects=5) as load:
        wait_until(lambda: len(world.log_positions()) > 50, "some events on their way")
        assert "relay active" not in second.text
        first.kill()
        wait_until(lambda: "relay active" in second.text, "the second relay to take over")
        load.await_growth(30)
    world.run("worker")

    world.await_effects(load.accepted)
    world.assert_order()
    logged = world.log_positions()
    assert [row.position for row in logged] == list(range(1, len(logged) + 1))
    assert len({row.event_id for row in logged}) == len(logged)


def test_a_relay_that_is_told_to_stop_hands_over_at_once(world: World) -> None:
    first = world.run("relay")
    wait_until(lambda: "relay active" in first.text, "the first relay to be active")
    second = world.run("relay")
    first.terminate()
    assert first.ended() == 0

    wait_until(lambda: "relay active" in second.text, "the second relay to take over")


def test_commands_wait_for_their_queue_in_order_while_everything_else_goes_on(live: World) -> None:
    errands = [live.announce("errand", f"e{number % 2}") for number in range(6)]
    ids = [live.announce("counted", "beside-errands"), live.announce("order", "beside-errands")]
    live.await_effects(ids)
    live.await_effects([live.announce("order", "beside-errands")])  # of the same exchange, and not held up
    assert live.sql("SELECT count(*) FROM outbox WHERE is_command")[0][0] == 6

    with live.connection() as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        channel.queue_bind(queue, f"{live.name}.commands", f"{live.name}.errand.v1")
        wait_until(lambda: empty(live), "the commands to be taken")
        taken = [channel.basic_get(queue, no_ack=True).headers["cloudEvents:id"] for _ in errands]
        assert channel.basic_get(queue) is None

    assert taken == errands
    assert not live.sql("SELECT 1 FROM event_log WHERE type LIKE '%%errand%%'")


def test_more_commands_than_a_window_that_nobody_takes_hold_no_event_up(world: World) -> None:
    for number in range(12):
        world.announce("errand", f"e{number}")
    event = world.announce("counted", "behind-errands")
    world.run("relay", RELAY_WINDOW="5", RELAY_HELD_S="3600")
    wait_until(lambda: world.sql("SELECT event_id::text FROM event_log") == [(event,)], "the event behind them")
    assert world.sql("SELECT count(*) FROM outbox WHERE is_command")[0][0] == 12


def test_events_to_nobody_are_not_lost(live: World) -> None:
    ids = [live.announce("echoed", "to-nobody", of=str(number)) for number in range(3)]
    wait_until(lambda: empty(live), "everything to be published")

    with live.database.transaction() as tx:
        page = feed.read_feed(tx, 0, [f"{live.name}.echoed.v1"], 1000)

    mine = [event for event in page["events"] if event["subject"] == "to-nobody"]
    assert [event["id"] for event in mine] == ids
    assert [event["data"] for event in mine] == [{"of": "0"}, {"of": "1"}, {"of": "2"}]
    assert mine[0]["specversion"] == "1.0"
    assert mine[0]["source"] == f"/{live.name}"


def test_a_feed_read_while_writers_commit_out_of_order_misses_nothing(live: World) -> None:
    accepted: list[str] = []
    reading = threading.Event()
    kind = f"{live.name}.echoed.v1"

    def write(seed: int) -> None:
        pause = random.Random(seed)
        for number in range(15):
            with live.database.transaction() as tx:
                event = live.announce("echoed", f"feed-{seed}-{number}", tx, of="x")
                reading.wait(pause.random() * 0.15)  # a lower outbox id may commit later: the trap of `id > last seen`
            accepted.append(event)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    with live.database.transaction() as tx:
        cursor = feed.read_feed(tx, 0, [kind], 1000)["next"]
    for writer in writers:
        writer.start()
    seen: list[str] = []
    positions: list[int] = []

    def read() -> bool:
        nonlocal cursor
        all_there = not any(writer.is_alive() for writer in writers) and empty(live)
        with live.database.transaction() as tx:
            page = feed.read_feed(tx, cursor, [kind], 7)
        seen.extend(event["id"] for event in page["events"])
        positions.extend(event["position"] for event in page["events"])
        cursor = page["next"]
        return all_there and not page["events"]

    wait_until(read, "the end of the feed", 90)

    assert sorted(seen) == sorted(accepted)
    assert positions == sorted(positions)
    ordered = [
        row.event_id for row in live.sql("SELECT event_id::text FROM event_log WHERE type = %s ORDER BY position", kind)
    ]
    assert [event for event in ordered if event in set(seen)] == seen


def test_the_feed_moves_its_cursor_past_other_types_and_stays_at_its_end(live: World) -> None:
    live.announce("echoed", "cursor", of="x")
    live.announce("counted", "cursor")
    wait_until(lambda: empty(live), "everything to be published")
    with live.database.transaction() as tx:
        head = tx.exec_driver_sql("SELECT position FROM event_log_head").scalar_one()
        assert feed.read_feed(tx, 0, ["no.such.v1"], 10) == {"events": [], "next": head}
        assert feed.read_feed(tx, head + 5, [], 10) == {"events": [], "next": head + 5}
        pages = [feed.read_feed(tx, 0, [], 2)]
        while pages[-1]["events"]:
            pages.append(feed.read_feed(tx, pages[-1]["next"], [], 2))
    positions = [event["position"] for page in pages for event in page["events"]]
    assert positions == list(range(1, head + 1))


def test_commands_never_appear_in_the_feed(live: World) -> None:
    live.announce("order", "private", full_name="Lò Thị Nam")
    wait_until(lambda: live.effects("private"), "the order to be handled")

    with live.database.transaction() as tx:
        page = feed.read_feed(tx, 0, [], 1000)

    assert "Lò Thị Nam" not in json.dumps(page, ensure_ascii=False)
    assert not [event for event in page["events"] if event["type"].endswith("order.v1")]


def test_the_partitions_of_the_months_to_come_are_made_ahead(live: World) -> None:
    tables = {
        row[0] for row in live.sql("SELECT relname FROM pg_class WHERE relname LIKE 'event_log_2%%' AND relkind = 'r'")
    }
    today = datetime.datetime.now(datetime.UTC).date()
    next_month = today.replace(day=1) + datetime.timedelta(days=32)

    assert {f"event_log_{day:%Y%m}" for day in (today, next_month)} <= tables


def test_an_event_of_a_later_month_finds_its_partition(live: World) -> None:
    with live.database.transaction() as tx:
        tx.exec_driver_sql("SELECT ensure_event_log_month('2031-05-17')")
        tx.exec_driver_sql("SELECT ensure_event_log_month('2031-05-01')")
    bounds = live.sql(
        "SELECT pg_get_expr(relpartbound, oid) AS bounds FROM pg_class WHERE relname = 'event_log_203105'"
    )[0].bounds  # fmt: skip
    assert "'2031-05-01 00:00:00+00'" in bounds
    assert "'2031-06-01 00:00:00+00'" in bounds


def as_account(world: World, account: str) -> BrokerSettings:
    """The broker as one of the run's services sees it."""
    return BrokerSettings(url=world.stack.amqp_url(account), timeout_s=5)


def test_a_service_s_account_may_bind_an_inbox_and_take_only_its_own_commands(live: World) -> None:
    received: Any = type("Received", (Fact,), {"type": "dossier.received.v1"})
    send: Any = type("Send", (Command,), {"type": "stats.send.v1"})
    lane = topology.Lane(f"stats.{live.name}", (received, send), 1, 10)
    partitioned = topology.Lane(f"stats.{live.name}p", (received, send), 2, 10)
    try:
        for chosen in (lane, partitioned):
            with connected(as_account(live, "stats")) as connection:
                topology.declare(connection, chosen)
        foreign: Any = type("Foreign", (Command,), {"type": "notify.send.v1"})
        with connected(as_account(live, "stats")) as connection, pytest.raises(amqp.exceptions.AccessRefused):
            topology.declare(connection, topology.Lane(lane.consumer, (foreign,), 1, 10))
        with connected(as_account(live, "stats")) as connection, pytest.raises(amqp.exceptions.AccessRefused):
            connection.channel().queue_declare(f"notify.{live.name}", durable=True)
    finally:
        with live.connection() as connection:
            channel = connection.channel()
            for chosen in (lane, partitioned):
                for name in (*chosen.queues, chosen.dead_letters):
                    channel.queue_delete(name)
                channel.exchange_delete(chosen.dead_letters)
            channel.exchange_delete(partitioned.consumer)


def test_a_service_s_account_may_publish_its_events_and_anybody_s_commands_and_replay(live: World) -> None:
    broker = as_account(live, "dossier")
    with live.connection() as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        channel.exchange_declare("dossier.replays", "direct", durable=True, auto_delete=False)
        channel.queue_bind(queue, "dossier.replays", f"stats.{live.name}")
        live.await_effects([live.announce("counted", "to-replay")])

        sent = feed.replay("dossier", live.database, broker, f"stats.{live.name}")

        assert sent == channel.queue_declare(queue, passive=True).message_count > 0
    with connected(broker) as connection:
        publisher = Publisher(connection, 5)
        for exchange in ("dossier.events", "notify.commands"):
            publisher.channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
            message = amqp.Message("{}", message_id="m")
            assert publisher.publish([Publication(1, exchange, "x.nobody.v1", message, False)]).confirmed == [1]
    for exchange in ("", "stats.events", "stats.replays"):
        with connected(broker) as connection, pytest.raises(amqp.exceptions.AccessRefused):
            message = amqp.Message("{}", message_id="m")
            Publisher(connection, 5).publish([Publication(1, exchange, "stats.inbox", message, False)])


def test_old_answers_and_buckets_are_forgotten_and_the_audit_chain_is_sealed(world: World) -> None:
    for age in ("1 day", "4 days"):
        world.sql(
            "INSERT INTO idempotency_key VALUES ('c', %s, 'h', 201, '{}', 'body', now() - %s::interval)", age, age
        )
        world.sql("INSERT INTO rate_bucket VALUES (%s, 1, now() - %s::interval)", age, age)
    with world.database.transaction() as tx:
        audit.record(tx, "act", "object/1")
    world.run("relay")

    wait_until(lambda: world.sql("SELECT count(*) FROM idempotency_key")[0][0] == 1, "the old answer to go")

    assert world.sql("SELECT key FROM idempotency_key")[0].key == "1 day"
    assert world.sql("SELECT count(*) FROM rate_bucket")[0][0] == 0
    wait_until(lambda: audit.verify(world.database).entries == 1, "the seal")


def test_the_lag_of_the_outbox_is_measured(live: World) -> None:
    relay = live.processes[0]
    live.announce("errand", "lagging")
    import http.client

    def lag() -> float:
        connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("ioc_outbox_lag_events ")))

    wait_until(lambda: lag() >= 1, "the lag to show")
    assert answers(relay.port, "/livez") == 200
    execute(live.url("probe_owner"), "DELETE FROM outbox WHERE type LIKE '%errand%'")

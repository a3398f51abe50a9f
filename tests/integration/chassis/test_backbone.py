"""From a committed change to a committed effect, and what somebody else sees on the way."""

from __future__ import annotations

import concurrent.futures
import json
import uuid

import kombu
import pytest

from chassis import outbox
from tests.conditions import wait_until
from tests.integration.chassis.processes import Process
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(120)


def test_a_committed_announcement_has_one_effect(live: World) -> None:
    event_id = live.announce("counted", "one-effect")

    live.await_effects([event_id])


def test_a_rolled_back_announcement_is_never_published(live: World) -> None:
    with pytest.raises(ZeroDivisionError), live.database.transaction() as tx:
        live.announce("counted", "rolled-back", tx)
        raise ZeroDivisionError
    later = live.announce("counted", "after-rolled-back")

    live.await_effects([later])

    assert live.effects("rolled-back") == []


def test_the_same_event_twice_has_one_effect(live: World) -> None:
    headers = live.publish_event("counted", "twice")
    live.publish(b'{"amount": 1}', headers)
    later = live.publish_event("counted", "after-twice")

    live.await_effects([headers["cloudEvents:id"], later["cloudEvents:id"]])

    assert len(live.effects("twice")) == 1


def test_the_same_event_twice_in_one_batch_has_one_effect(world: World) -> None:
    world.declare()
    headers = world.publish_event("counted", "twice")
    world.publish(b'{"amount": 1}', headers)
    last = world.publish_event("counted", "other")
    world.run("worker")

    world.await_effects([headers["cloudEvents:id"], last["cloudEvents:id"]])

    assert len(world.effects("twice")) == 1


def test_events_out_of_order_are_all_handled(live: World) -> None:
    for sequence in ("3", "1", "2"):
        live.publish_event("counted", "out-of-order", sequence=sequence)

    wait_until(lambda: len(live.effects("out-of-order")) == 3, "three effects")

    assert [row.sequence for row in live.effects("out-of-order")] == [3, 1, 2]


def test_a_kombu_consumer_sees_cloudevents(live: World) -> None:
    with live.connection() as connection:
        queue = kombu.Queue(
            f"{live.name}.foreign", kombu.Exchange(f"{live.name}.events", passive=True), "#", exclusive=True
        )
        seen: list[kombu.Message] = []
        with kombu.Consumer(connection, [queue], on_message=seen.append, no_ack=True):
            event_id = live.announce("counted", "seen", note="Tiếng Việt có dấu")
            wait_until(lambda: connection.drain_events(timeout=20) or seen, "the message")
    message = seen[0]

    assert json.loads(message.body) == {"amount": 1, "note": "Tiếng Việt có dấu"}
    attributes = {name.removeprefix("cloudEvents:"): value for name, value in message.headers.items()}
    assert attributes["specversion"] == "1.0"
    assert attributes["id"] == event_id == message.properties["message_id"]
    assert (
        attributes["type"]
        == f"{live.name}.counted.v1"
        == message.properties["type"]
        == message.delivery_info["routing_key"]
    )
    assert attributes["source"] == f"/{live.name}"
    assert attributes["subject"] == "seen"
    assert attributes["sequence"] == "1"
    assert attributes["dataschema"] == f"urn:ioc:schema:{live.name}.counted.v1"
    assert attributes["correlationid"] == message.properties["correlation_id"]
    assert uuid.UUID(attributes["correlationid"])
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert message.properties["delivery_mode"] == 2
    assert message.properties["app_id"] == live.name
    assert message.properties["timestamp"]


def test_nameko_s_own_event_handler_gets_the_data_as_a_dict(live: World) -> None:
    log = live.folder / "stock.log"
    more = {"SOURCE": live.name, "EVENT_TYPE": f"{live.name}.counted.v1"}
    module = "tests.integration.chassis.stock_service"
    foreign = Process(module, "", live.environment(**more), log)
    try:
        wait_until(lambda: "started" in foreign.text, "the stock service")
        live.announce("counted", "for-foreign", note="Sơn La")
        wait_until(lambda: '["dict"' in foreign.text, "its handler")
    finally:
        foreign.kill()
        with live.connection() as connection:
            queue = f"evt-{live.name}-{live.name}.counted.v1--{live.name}-foreign.on_event"
            connection.channel().queue_delete(queue)

    assert json.loads(foreign.text.splitlines()[-1]) == ["dict", {"amount": 1, "note": "Sơn La"}]


def test_a_lane_takes_its_types_as_lists_beside_the_inbox(live: World) -> None:
    live.tell("stuck", "hang")
    live.announce("counted", "stuck")
    wait_until(lambda: live.sql("SELECT 1 FROM told WHERE subject = 'stuck' AND times = 0"), "the inbox to hang")
    try:
        ids = [live.announce("summed", "stuck") for _ in range(3)]
        live.await_effects(ids)  # the lane does not wait behind the inbox
    finally:
        live.forgive("stuck")
    wait_until(lambda: len(live.effects("stuck")) == 4, "the inbox to go on")


def test_numbers_and_order_of_a_subject_hold_under_many_writers(live: World) -> None:
    def write() -> None:
        for _ in range(20):
            live.announce("counted", "contested")

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write) for _ in range(6)]:
            done.result()
    wait_until(lambda: len(live.effects("contested")) == 120, "120 effects")

    assert [row.sequence for row in live.effects("contested")] == list(range(1, 121))
    positions = [row.sequence for row in live.log_positions() if row.subject == "contested"]
    assert positions == list(range(1, 121))


def test_many_announcements_in_one_statement_keep_order_and_numbers(live: World) -> None:
    live.announce("counted", "many-a")
    with live.database.transaction() as tx:
        subjects = ["many-a", "many-b", "many-a", "many-b", "many-a"]
        entries = [outbox.entry(live.fact("counted"), subject, {"amount": n}) for n, subject in enumerate(subjects)]
        outbox.announce_many(tx, entries)
    wait_until(lambda: len(live.effects("many-a")) == 4 and len(live.effects("many-b")) == 2, "six effects")

    logged = [row for row in live.log_positions() if row.subject in ("many-a", "many-b")]
    assert [json.loads(row.data)["amount"] for row in logged] == [1, 0, 1, 2, 3, 4]
    assert [row.sequence for row in logged if row.subject == "many-a"] == [1, 2, 3, 4]
    assert [row.sequence for row in logged if row.subject == "many-b"] == [1, 2]


def test_the_log_has_every_event_once_in_publishing_order_and_no_command(live: World) -> None:
    ids = [live.announce("counted", f"logged-{number}") for number in range(5)]
    live.announce("order", "logged-0")
    ids.append(live.announce("echoed", "logged-5", of="nobody is bound to this"))
    wait_until(lambda: live.sql("SELECT count(*) FROM outbox")[0][0] == 0, "an empty outbox")

    logged = live.log_positions()

    assert [row.position for row in logged] == list(range(1, len(logged) + 1))
    assert [str(row.event_id) for row in logged if row.subject.startswith("logged")] == ids
    assert not [row for row in logged if ".order." in row.type]

"""Replay to one consumer, and an inbox in partitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conditions import wait_until
from tests.integration.chassis.processes import answers
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(180)


def drain(world: World, queue: str) -> list[Any]:
    """Everything that is in a queue now."""
    with world.connection() as connection:
        channel = connection.channel()
        found = []
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            found.append(message)
    return found


def make_queue(world: World, name: str, bound: bool) -> str:
    """A queue of another consumer."""
    queue = f"{world.name}.{name}"
    with world.connection() as connection:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-expires": 600_000})
        channel.queue_bind(queue, f"{world.name}.replays", queue)
        if bound:
            channel.queue_bind(queue, f"{world.name}.events", "#")
    return queue


def test_replay_reaches_one_consumer_only_in_order_and_a_consumer_repeats_nothing(live: World) -> None:
    ids = [live.announce(("counted", "renamed")[number % 2], "replayed") for number in range(10)]
    live.await_effects(ids)
    bystander, newcomer = make_queue(live, "bystander", bound=True), make_queue(live, "newcomer", bound=False)
    effects = live.effect_count()

    done = live.cli("replay", "--to", newcomer)
    counted = live.cli("replay", "--to", newcomer, "--type", f"{live.name}.counted.v1")
    again = live.cli("replay", "--to", f"{live.name}.inbox")

    assert (done.returncode, counted.returncode, again.returncode) == (0, 0, 0), done.stderr + again.stderr
    messages = drain(live, newcomer)
    logged = live.log_positions()
    assert [message.headers["cloudEvents:id"] for message in messages[: len(logged)]] == [
        str(row.event_id) for row in logged
    ]
    assert {message.headers["cloudEvents:type"] for message in messages[len(logged) :]} == {f"{live.name}.counted.v1"}
    assert [json.loads(message.body) for message in messages[: len(logged)]] == [json.loads(row.data) for row in logged]
    assert drain(live, bystander) == []
    wait_until(lambda: live.queue_depth(f"{live.name}.inbox") == 0, "the inbox to take them")
    last = live.announce("counted", "after-replay")
    live.await_effects([last])
    assert live.effect_count() == effects + 1


def test_a_new_consumer_can_start_from_the_first_event(world: World) -> None:
    world.run("relay")
    ids = [world.announce("counted", f"old-{number % 3}") for number in range(30)]  # published before anybody listens
    wait_until(lambda: world.sql("SELECT count(*) FROM outbox")[0][0] == 0, "everything to be published")
    world.run("worker")
    assert world.effects() == []

    done = world.cli("replay", "--to", f"{world.name}.inbox")

    assert "30 events sent" in done.stdout, done.stderr
    world.await_effects(ids)
    world.assert_order()


def test_replay_since_leaves_older_events_out(live: World) -> None:
    queue = make_queue(live, "since", bound=False)
    live.await_effects([live.announce("counted", "since", at=None)])

    done = live.cli("replay", "--to", queue, "--since", "2999-01-01")

    assert "0 events sent" in done.stdout
    assert drain(live, queue) == []


def test_replay_to_nobody_is_an_error(live: World) -> None:
    live.await_effects([live.announce("counted", "to-nobody")])

    done = live.cli("replay", "--to", "no.such.inbox")

    assert done.returncode == 1
    assert "no consumer no.such.inbox" in done.stderr
    assert "Traceback" not in done.stderr


def test_partitions_keep_the_order_of_each_subject_and_survive_the_loss_of_a_worker(world: World) -> None:
    world.run("relay")
    workers = [world.start("worker", INBOX_PARTITIONS=3), world.start("worker", INBOX_PARTITIONS=3)]
    for worker in workers:
        worker.wait_ready()
    ids = world.announce_load(300, subjects=20)
    wait_until(lambda: world.effect_count() > 50, "some effects")
    workers[0].kill()
    ids += world.announce_load(300, subjects=20)

    world.await_effects(ids)
    world.assert_order()
    assert answers(workers[1].port, "/readyz") == 200
    for number in range(3):
        assert world.queue_depth(f"{world.name}.inbox.{number}") == 0

    replayed = world.cli("replay", "--to", f"{world.name}.inbox")  # through the hash exchange
    assert "600 events sent" in replayed.stdout, replayed.stderr
    wait_until(
        lambda: sum(world.queue_depth(f"{world.name}.inbox.{n}") for n in range(3)) == 0, "the partitions to drain"
    )
    world.await_effects([world.announce("counted", f"s{number}") for number in range(20)])
    assert world.effect_count() == 620


def test_partitions_share_the_subjects(world: World) -> None:
    world.declare(partitions=3)
    for number in range(60):
        world.publish_event("counted", f"spread-{number}")

    assert min(world.queue_depth(f"{world.name}.inbox.{number}") for number in range(3)) > 0

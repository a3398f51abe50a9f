"""The broker or the database goes away under running watchers and comes back: nothing is lost, nothing doubled, nobody dies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import kombu
import pytest

from infra.local.fixtures import local
from tests.integration.chassis.processes import Process
from tests.integration.ipcam.watching import World, wait_until

pytestmark = pytest.mark.timeout(240)
PREFIX = "cloudEvents:"


class Listener:
    """Somebody else's durable queue with everything that ipcam publishes; it stays with the broker while that restarts."""

    def __init__(self, world: World) -> None:
        self.url, self.name = world.stack.amqp_url("developer"), f"{world.name}.listener"
        self.heard: list[tuple[str, str, str, int]] = []
        with kombu.Connection(self.url) as connection:
            channel = connection.channel()
            channel.exchange_declare("ipcam.events", "topic", durable=True, auto_delete=False)
            channel.queue_declare(self.name, durable=True, auto_delete=False)
            channel.queue_bind(self.name, "ipcam.events", "ipcam.#")

    def of(self, cameras: set[str]) -> list[tuple[str, str, str, int]]:
        """(event id, camera, type, sequence) of every message so far about these cameras, in the order in which they came."""
        with kombu.Connection(self.url) as connection:
            channel = connection.channel()
            while (message := channel.basic_get(self.name, no_ack=True)) is not None:
                said = message.headers
                told = (said[PREFIX + "id"], said[PREFIX + "subject"], said[PREFIX + "type"], said[PREFIX + "sequence"])
                self.heard.append((*told[:3], int(told[3])))
        return [one for one in self.heard if one[1] in cameras]

    def close(self) -> None:
        with kombu.Connection(self.url) as connection:
            connection.channel().queue_delete(self.name)


@pytest.fixture
def listener(world: World) -> Iterator[Listener]:
    made = Listener(world)
    yield made
    made.close()


class Watched:
    """Two watchers and the relay over four cameras that are online and told to be."""

    def __init__(self, world: World, listener: Listener, **times: str) -> None:
        self.world, self.listener = world, listener
        self.cameras = {number: world.add(number) for number in (1, 2, 3, 5)}
        self.processes: list[Process] = [world.start(**times), world.start(**times)]
        self.processes.append(world.start("relay", AMQP_TIMEOUT_S="4"))
        for process in self.processes:
            process.wait_ready()
        self.wait("online", 1, 2, 3, 5)
        wait_until(lambda: self.published(online=1), "four cameras being announced as online")

    def wait(self, status: str, *numbers: int) -> None:
        for number in numbers:
            self.world.wait_status(self.cameras[number], status, 60)

    def published(self, **wanted: int) -> bool:
        """Whether so many changes of health of each camera have reached the listener."""
        heard = {(event, kind) for event, _, kind, _ in self.listener.of(set(self.cameras.values()))}
        return all(
            sum(kind == f"ipcam.camera_{status}.v1" for _, kind in heard) == count * len(self.cameras)
            for status, count in wanted.items()
        )

    def assert_exact(self) -> None:
        """What the history says is what the log holds, once each, and what the listener heard, in order and without a gap."""
        wait_until(lambda: not self.world.rows("SELECT 1 FROM outbox WHERE NOT is_command"), "an empty outbox")
        for process in self.processes:
            assert process.running, process.text[-2000:]
        for camera in self.cameras.values():
            logged = self.world.rows(
                "SELECT event_id::text, type, sequence FROM event_log WHERE subject = %s ORDER BY position", camera
            )
            lines = self.world.rows("SELECT event_id::text FROM camera_line WHERE camera_id = %s", camera)
            assert sorted(row["event_id"] for row in logged) == sorted(row["event_id"] for row in lines)
            assert [row["sequence"] for row in logged] == list(range(1, len(logged) + 1))
            # A relay whose confirm was lost sends again, under the same id: a consumer's inbox drops the second.
            heard = dict.fromkeys((one[0], one[3]) for one in self.listener.of({camera}))
            assert list(heard) == [(row["event_id"], row["sequence"]) for row in logged]
            types = [row["type"].split(".")[1] for row in logged if "camera_o" in row["type"]]
            assert types == ["camera_online", "camera_offline", "camera_online"]


def test_while_the_broker_is_away_watching_goes_on_and_all_of_it_is_published_after(
    world: World, listener: Listener
) -> None:
    watched = Watched(world, listener)
    local(world.stack, "stop", "rabbitmq")
    try:
        for number in (1, 2, 3, 5):
            world.cameras.command(number, "drop")
        watched.wait("offline", 1, 2, 3, 5)
        relay = watched.processes[-1]
        wait_until(lambda: "relay waits" in relay.text, "the relay to notice")
        assert world.rows("SELECT 1 FROM outbox WHERE type = 'ipcam.camera_offline.v1'")
    finally:
        local(world.stack, "servers", "up")
    for number in (1, 2, 3, 5):
        world.cameras.command(number, None)
    watched.wait("online", 1, 2, 3, 5)
    wait_until(lambda: watched.published(online=2, offline=1), "everything being published")
    watched.assert_exact()


def test_what_happens_while_the_database_restarts_is_told_with_its_true_time(world: World, listener: Listener) -> None:
    watched = Watched(
        world, listener, LEASE_S="60", LOG_LEVEL="debug"
    )  # who holds the camera when it goes dark is who tells it
    broken_at: Any = world.rows("SELECT now() AS at")[0]["at"]
    local(world.stack, "stop", "postgresql")
    try:
        for number in (1, 2, 3, 5):
            world.cameras.command(number, "drop")
        for watcher in watched.processes[:2]:
            wait_until(lambda w=watcher: "health waits for the database" in w.text, "a change that cannot be told")  # type: ignore[misc]
    finally:
        local(world.stack, "servers", "up")
        world.database.engine.dispose()
    watched.wait("offline", 1, 2, 3, 5)
    for number in (1, 2, 3, 5):
        world.cameras.command(number, None)
    watched.wait("online", 1, 2, 3, 5)
    wait_until(lambda: watched.published(online=2, offline=1), "everything being published")
    watched.assert_exact()
    for camera in watched.cameras.values():
        dark = next(data for kind, _, data in told(world, camera) if kind == "ipcam.camera_offline.v1")
        assert abs((datetime.fromisoformat(dark["since"]) - broken_at).total_seconds()) < 15


def told(world: World, camera: str) -> list[tuple[str, int, Any]]:
    rows = world.rows("SELECT type, sequence, data FROM event_log WHERE subject = %s ORDER BY position", camera)
    return [(row["type"], row["sequence"], json.loads(row["data"])) for row in rows]

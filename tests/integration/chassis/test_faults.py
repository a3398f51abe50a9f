"""Under load, whatever is killed, restarted or silenced: nothing is lost, nothing is doubled, and order holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.local.fixtures import local
from tests.chaos.proxy import FaultProxy
from tests.conditions import wait_until
from tests.integration.chassis.load import Load
from tests.integration.chassis.processes import KeptRunning
from tests.integration.chassis.world import World

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


class Town:
    """A world whose relay and worker are started again whenever they end, each behind a proxy that misbehaves."""

    def __init__(self, world: World, to_broker: FaultProxy, to_database: FaultProxy) -> None:
        self.world, self.to_broker, self.to_database = world, to_broker, to_database
        amqp_url = world.amqp_url.replace(f":{world.stack.port('rabbitmq')}/", f":{to_broker.port}/")
        database_url = world.database_url.replace(f":{world.stack.port('postgresql')}/", f":{to_database.port}/")
        more = {"AMQP_URL": amqp_url, "DATABASE_URL": database_url, "AMQP_HEARTBEAT_S": 2, "AMQP_TIMEOUT_S": 4}
        self.relay = KeptRunning(lambda: world.start("relay", **more))
        self.worker = KeptRunning(lambda: world.start("worker", INBOX_DELIVERY_LIMIT=50, **more))

    def assert_exact(self, load: Load) -> None:
        """Every accepted event has one effect, in order, and stands in the log once; nothing is parked or dead."""
        self.world.await_effects(load.accepted, seconds=120)
        self.world.assert_order()
        wait_until(lambda: self.world.sql("SELECT count(*) FROM outbox")[0][0] == 0, "an empty outbox")
        logged = [str(row.event_id) for row in self.world.log_positions()]
        assert len(logged) == len(set(logged))
        assert set(load.accepted) <= set(logged)
        assert self.world.waiting() == []


@pytest.fixture(scope="module")
def town(new_world: Callable[[], World]) -> Iterator[Town]:
    """One town for all faults."""
    world = new_world()
    postgresql, rabbitmq = world.stack.port("postgresql"), world.stack.port("rabbitmq")
    with FaultProxy("127.0.0.1", rabbitmq) as to_broker, FaultProxy("127.0.0.1", postgresql) as to_database:
        made = Town(world, to_broker, to_database)
        with made.relay, made.worker:
            made.relay.process.wait_ready()
            made.worker.process.wait_ready()
            yield made


def test_kill_9_of_relay_and_worker_in_mid_batch(town: Town) -> None:
    with Load(town.world, "kill") as load:
        for _ in range(3):
            for victim in (town.worker, town.relay):
                load.await_effects(20)
                victim.process.kill()
    town.assert_exact(load)
    assert town.worker.ends.count(-9) >= 3
    assert town.relay.ends.count(-9) >= 3


def test_connections_that_are_cut(town: Town) -> None:
    with Load(town.world, "cut") as load:
        for _ in range(4):
            load.await_effects(20)
            assert town.to_broker.drop_connections() > 0
            load.await_effects(20)
            assert town.to_database.drop_connections() > 0
    town.assert_exact(load)


def test_a_broker_that_falls_silent(town: Town) -> None:
    with Load(town.world, "silent") as load:
        load.await_effects(20)
        town.to_broker.black_hole()
        relay, worker = town.relay.process, town.worker.process
        seen = len(relay.text), len(worker.text)
        wait_until(lambda: "relay waits" in relay.text[seen[0] :], "the relay to give the connection up", 60)
        wait_until(lambda: "reader waits" in worker.text[seen[1] :], "the worker to give the connection up", 60)
        town.to_broker.pass_through()
        load.await_effects(20)
    town.assert_exact(load)


def test_a_database_that_falls_silent(town: Town) -> None:
    with Load(town.world, "mute") as load:
        load.await_effects(20)
        town.to_database.black_hole()
        load.await_growth(100)
        town.to_database.drop_connections()
        town.to_database.pass_through()
        load.await_effects(20)
    town.assert_exact(load)


def test_a_broker_that_restarts(town: Town) -> None:
    with Load(town.world, "broker") as load:
        load.await_effects(20)
        local(town.world.stack, "restart", "rabbitmq")
        load.await_effects(20)
    town.assert_exact(load)


def test_a_database_that_restarts(town: Town) -> None:
    with Load(town.world, "database") as load:
        load.await_effects(20)
        local(town.world.stack, "restart", "postgresql")
        town.world.database.close()
        load.await_growth(50)
        load.await_effects(20)
    town.assert_exact(load)

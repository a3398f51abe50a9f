"""How processes start and stop: in order, within a hard limit, and with a clear word when they cannot start."""

from __future__ import annotations

import collections
from collections.abc import Callable

import pytest

from tests.chaos.proxy import FaultProxy
from tests.conditions import wait_until
from tests.integration.chassis.load import Load
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(240)


@pytest.mark.slow
def test_five_rolling_restarts_of_two_workers_handle_no_event_twice(world: World) -> None:
    world.run("relay")
    workers = [world.start("worker"), world.start("worker")]
    for worker in workers:
        worker.wait_ready()
    with Load(world, "rolling", subjects=5) as load:
        for number in range(5):
            load.await_effects(10)
            leaving = workers[number % 2]
            leaving.terminate()
            assert leaving.ended() == 0
            workers[number % 2] = world.run("worker")
    world.await_effects(load.accepted)

    times = collections.Counter(world.invocations())
    assert {event: count for event, count in times.items() if count > 1} == {}
    assert set(times) >= set(load.accepted)
    world.assert_order()


def through(world: World, proxy: FaultProxy) -> dict[str, object]:
    """The environment of a process whose broker is behind the proxy."""
    url = world.amqp_url.replace(f":{world.stack.port('rabbitmq')}/", f":{proxy.port}/")
    return {"AMQP_URL": url, "DRAIN_S": 4, "AMQP_TIMEOUT_S": 3}


@pytest.mark.parametrize("fault", ["refuse", "black_hole"])
def test_sigterm_while_the_broker_is_away_ends_within_the_hard_limit(world: World, fault: str) -> None:
    with FaultProxy("127.0.0.1", world.stack.port("rabbitmq")) as proxy:
        processes = [world.start(job, **through(world, proxy)) for job in ("worker", "relay")]
        for process in processes:
            process.wait_ready()
        getattr(proxy, fault)()
        world.announce("counted", "s")  # the relay has something to hang on
        for process in processes:
            process.terminate()
        assert processes[0].ended(15) in (0, 70)
        assert processes[1].ended(15) == 0


def test_sigterm_before_the_broker_was_ever_there_ends_the_worker(world: World) -> None:
    with FaultProxy("127.0.0.1", world.stack.port("rabbitmq")) as proxy:
        proxy.refuse()
        worker = world.start("worker", **through(world, proxy))
        wait_until(lambda: "worker waits for the broker" in worker.text, "the worker to wait")
        worker.terminate()
        assert worker.ended(15) == 0


def test_a_handler_that_never_ends_meets_the_hard_limit_and_its_event_is_delivered_again(world: World) -> None:
    world.declare()
    worker = world.run("worker", DRAIN_S=1)
    world.tell("stuck", "hang")
    event = world.publish_event("counted", "stuck")
    wait_until(world.invocations, "the handler")
    worker.terminate()
    assert worker.ended(20) == 70
    assert "hard limit" in worker.text
    world.forgive("stuck")

    world.run("worker")

    world.await_effects([event["cloudEvents:id"]])


def test_sigterm_lets_what_is_in_hand_finish(world: World) -> None:
    world.declare()
    worker = world.run("worker")
    world.tell("slow", "slow", times=100)
    ids = [world.publish_event("counted", "slow", sequence=str(number))["cloudEvents:id"] for number in range(1, 6)]
    wait_until(world.invocations, "the first event in hand")
    worker.terminate()
    assert worker.ended() == 0

    done = world.effect_ids()

    assert collections.Counter(world.invocations()) == dict.fromkeys(done, 1), "what was begun was committed"
    world.run("worker")
    world.await_effects(ids)
    assert collections.Counter(world.invocations()) == dict.fromkeys(ids, 1), "and was not begun again"


def test_a_queue_with_other_arguments_fails_the_start_with_its_reason(world: World) -> None:
    world.declare(delivery_limit=5)

    worker = world.start("worker")

    assert worker.ended() == 70
    assert f"{world.name}.inbox" in worker.text
    assert "x-delivery-limit" in worker.text
    assert "delete or rename it" in worker.text
    assert "Traceback" not in worker.text


def test_a_worker_waits_for_a_database_and_a_broker_that_come_later(world: World) -> None:
    world.declare()
    event = world.publish_event("counted", "early")
    postgresql, rabbitmq = world.stack.port("postgresql"), world.stack.port("rabbitmq")
    with FaultProxy("127.0.0.1", rabbitmq) as broker, FaultProxy("127.0.0.1", postgresql) as database:
        broker.refuse()
        database.refuse()
        url = world.database_url.replace(f":{postgresql}/", f":{database.port}/")
        worker = world.start("worker", DATABASE_URL=url, **through(world, broker))
        wait_until(lambda: "waits for the broker" in worker.text, "waiting for the broker")
        broker.pass_through()
        wait_until(lambda: "waits for the database" in worker.text, "waiting for the database")
        database.pass_through()
        worker.wait_ready()
        world.await_effects([event["cloudEvents:id"]])


@pytest.mark.parametrize("job", ["web", "worker", "relay", "migrate"])
def test_a_missing_variable_stops_the_start_and_every_missing_one_is_named(world: World, job: str) -> None:
    required = {
        "web": ["DATABASE_URL", "OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS_URL"],
        "worker": ["DATABASE_URL", "AMQP_URL"],
        "relay": ["DATABASE_URL", "AMQP_URL"],
        "migrate": ["MIGRATION_DATABASE_URL"],
    }[job]
    bare = {"PROBE_NAME": world.name}
    if job != "migrate":
        bare["LOG_LEVEL"] = "info"
    environment: Callable[..., dict[str, str]] = lambda **_: bare  # noqa: E731
    world.environment = environment  # type: ignore[method-assign]

    done = world.cli(job)

    assert done.returncode == 78
    for name in required:
        assert name in done.stderr, f"{name} is not named"
    assert "Traceback" not in done.stderr

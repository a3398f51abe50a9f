"""What the inbox does with events that fail, cannot be read, nobody handles, or kill."""

from __future__ import annotations

import json
import uuid

import amqp
import pytest

from tests.conditions import wait_until
from tests.integration.chassis.processes import KeptRunning
from tests.integration.chassis.world import World, execute

pytestmark = pytest.mark.timeout(180)


def dead_of(world: World, subject: str) -> list:
    """The dead events of a subject."""
    return [row for row in world.waiting("dead") if row.subject == subject]


def test_a_failing_event_succeeds_later_in_order_while_other_subjects_go_on(live: World) -> None:
    live.tell("stumbling", "fail", times=2)
    ids = [live.announce("counted", "stumbling"), live.announce("renamed", "stumbling")]
    wait_until(lambda: [row for row in live.waiting("parked") if row.subject == "stumbling"], "the first to be parked")
    ids += [live.announce("counted", "stumbling"), live.announce("counted", "steady")]

    live.await_effects(ids)

    assert [row.sequence for row in live.effects("stumbling")] == [1, 2, 3]
    assert [str(row.event_id) for row in live.effects("stumbling")] == ids[:3]
    assert live.invoked_sequences("stumbling") == [1, 1, 1, 2, 3], "the first three times, then each later one once"
    assert live.effects("steady")[0].at < live.effects("stumbling")[0].at
    assert not [row for row in live.waiting() if row.subject == "stumbling"]


def test_a_parked_event_keeps_its_error_without_personal_data(live: World) -> None:
    live.tell("leaking", "fail", times=1000)
    live.announce("counted", "leaking")
    parked = wait_until(lambda: [row for row in live.waiting() if row.subject == "leaking"], "the event to be parked")[
        0
    ]

    assert parked.error_kind == "Told"
    assert "was told to fail for c***@example.vn" in parked.error
    live.forgive("leaking")


def test_after_its_last_attempt_an_event_is_dead_and_announced_and_later_ones_go_on(world: World) -> None:
    world.tell("doomed", "fail", times=3)
    world.run("relay")
    world.run("worker", RETRY_ATTEMPTS=3)
    doomed = world.announce("counted", "doomed")
    wait_until(world.waiting, "its first attempt, made alone: in a batch each event costs its neighbours an attempt")
    later = world.announce("counted", "doomed")

    world.await_effects([later])

    (dead,) = world.waiting("dead")
    assert (dead.event_id, dead.attempts, dead.error_kind) == (doomed, 3, "Told")
    assert json.loads(bytes(dead.body)) == {"amount": 1}
    assert dead.died_at is not None
    died = wait_until(lambda: [row for row in world.log_positions() if "event_died" in row.type], "the announcement")
    assert json.loads(died[0].data) == {
        "consumer": f"{world.name}.inbox",
        "event_id": doomed,
        "event_type": f"{world.name}.counted.v1",
        "error_kind": "Told",
    }


def test_one_bad_event_of_a_batch_does_not_take_the_others_along(world: World) -> None:
    world.declare()
    headers = [world.publish_event("counted", f"batch-{number}") for number in range(20)]
    world.tell("batch-7", "fail", times=1)
    world.run("worker")

    world.await_effects([header["cloudEvents:id"] for header in headers])

    assert sorted(world.invocations()).count(headers[7]["cloudEvents:id"]) > 1


BAD_MESSAGES = {
    "bad JSON": (b'{"amount": ', {}, "application/json"),
    "bad UTF-8": (b'{"amount": 1, "note": "\xff\xfe"}', {}, "application/json"),
    "UTF-16": ('{"amount": 1}'.encode("utf-16"), {}, "application/json"),
    "raw surrogates": (b'{"amount": 1, "note": "\xed\xa0\x80"}', {}, "application/json"),
    "no object": (b"[1, 2]", {}, "application/json"),
    "a schema violation": (b'{"amount": "many"}', {}, "application/json"),
    "a missing field": (b"{}", {}, "application/json"),
    "an empty body": (b"", {}, "application/json"),
    "NUL in a string": (rb'{"amount": 1, "note": "a\u0000b"}', {}, "application/json"),
    "NUL in a key": (rb'{"amount": 1, "a\u0000b": 1}', {}, "application/json"),
    "a lone surrogate": (rb'{"amount": 1, "note": "\ud800"}', {}, "application/json"),
    "endless nesting": (b'{"amount": ' + b"[" * 100_000, {}, "application/json"),
    "an endless number": (b'{"amount": ' + b"9" * 10_000 + b"}", {}, "application/json"),
    "1 MB of nothing": (b'{"amount": 1, "note": "' + b"x" * 1_048_576, {}, "application/json"),
    "a wrong content type": (b'{"amount": 1}', {}, "text/plain"),
    "no version": (b'{"amount": 1}', {"specversion": None}, "application/json"),
    "another version": (b'{"amount": 1}', {"specversion": "0.3"}, "application/json"),
    "no source": (b'{"amount": 1}', {"source": None}, "application/json"),
    "no sequence": (b'{"amount": 1}', {"sequence": None}, "application/json"),
    "a sequence that is no number": (b'{"amount": 1}', {"sequence": "first"}, "application/json"),
    "an endless sequence": (b'{"amount": 1}', {"sequence": "9" * 30}, "application/json"),
    "a sequence of another type": (b'{"amount": 1}', {"sequence": 1}, "application/json"),
    "no id": (b'{"amount": 1}', {"id": None}, "application/json"),
    "an id that is no UUID": (b'{"amount": 1}', {"id": "17"}, "application/json"),
    "no time": (b'{"amount": 1}', {"time": None}, "application/json"),
    "a time without offset": (b'{"amount": 1}', {"time": "2026-01-01T00:00:00"}, "application/json"),
    "a time that no calendar has": (b'{"amount": 1}', {"time": "0001-01-01T00:00:00+14:00"}, "application/json"),
    "NUL in the id": (b'{"amount": 1}', {"id": "a\x00"}, "application/json"),
    "NUL in the cause": (b'{"amount": 1}', {"causationid": "a\x00"}, "application/json"),
    "NUL in the name of a header": (b"{}", {"a\x00b": "x"}, "application/json"),
    "a surrogate in the trace": (b'{"amount": 1}', {"traceparent": "\ud800"}, "application/json"),
    "NUL in an unknown header": (b"{}", {"whatever": "\x00"}, "application/json"),
}


def test_what_cannot_be_read_is_dead_with_its_bytes_and_others_go_on(live: World) -> None:
    for number, (name, (body, changed, content_type)) in enumerate(BAD_MESSAGES.items()):
        headers = live.headers("counted", f"bad-{number}") | {
            f"cloudEvents:{key}": value for key, value in changed.items()
        }
        live.publish(
            body,
            {key: value for key, value in headers.items() if value is not None},
            f"{live.name}.counted.v1",
            content_type,
        )
        assert name
    good = live.publish_event("counted", "good-after-bad")

    live.await_effects([good["cloudEvents:id"]])

    dead = {row.subject: row for row in live.waiting("dead")}
    for number, (name, (body, _, content_type)) in enumerate(BAD_MESSAGES.items()):
        row = dead.get(f"bad-{number}")
        assert row is not None, f"{name} is not dead"
        assert bytes(row.body) == body, name
        assert (row.error_kind, row.content_type) == ("Undecodable", content_type), name
        assert row.headers["cloudEvents:subject"] == f"bad-{number}", name
        assert live.effects(f"bad-{number}") == [], name


def test_a_message_that_is_no_event_at_all_is_dead(live: World) -> None:
    body = uuid.uuid4().bytes
    live.publish(body, {}, f"{live.name}.counted.v1")

    wait_until(lambda: [row for row in live.waiting("dead") if bytes(row.body) == body], "the dead message")


def test_a_message_whose_properties_no_driver_can_read_is_dead_and_others_go_on(live: World) -> None:
    before = live.publish_event("counted", "before-unreadable")
    body = uuid.uuid4().bytes
    with live.connection() as connection:
        message = amqp.Message(
            body, content_type=b"\xff\xfe", application_headers=live.headers("counted", "unreadable")
        )
        connection.channel().basic_publish(message, f"{live.name}.events", f"{live.name}.counted.v1")
    after = live.publish_event("counted", "after-unreadable")

    live.await_effects([before["cloudEvents:id"], after["cloudEvents:id"]])

    wait_until(lambda: [row for row in live.waiting("dead") if bytes(row.body) == body], "the dead message")
    assert "reader waits" not in live.processes[1].text
    assert "reader failed" not in live.processes[1].text


def test_what_a_handler_announces_can_be_published_whatever_correlation_its_event_came_with(live: World) -> None:
    ids = []
    for number, correlation in enumerate(["x" * 300, "two words", "ü" * 200]):
        headers = live.headers("counted", f"corr-{number}", correlationid=correlation)
        live.publish(b'{"amount": 1, "echo": true}', headers)
        ids.append(headers["cloudEvents:id"])
    live.await_effects(ids)

    wait_until(
        lambda: live.sql("SELECT count(*) FROM outbox WHERE NOT is_command")[0][0] == 0, "the announcements to go out"
    )

    assert {row.correlation_id for row in live.effects() if row.subject.startswith("corr-")} == set(ids)
    assert live.processes[0].running


def test_text_that_only_looks_odd_is_handled(live: World) -> None:
    event_id = uuid.uuid4()
    for number, changed in enumerate(
        [
            {"id": str(event_id).upper()},
            {"id": f"{{{uuid.uuid4()}}}"},
            {"time": "2026-01-01T00:00:00+23:59"},
            {"subject": "hồ-sơ-🗂"},
            {"sequence": "9" * 18},
        ]
    ):
        subject = changed.pop("subject", f"odd-{number}")
        live.publish_event("counted", subject, **changed)
    big = live.headers("counted", "big")
    live.publish(json.dumps({"amount": 1, "note": "ệ" * 350_000}, ensure_ascii=False).encode(), big)

    for subject in ("odd-0", "odd-1", "odd-2", "hồ-sơ-🗂", "odd-4", "big"):
        wait_until(lambda subject=subject: live.effects(subject), f"the effect of {subject}")  # type: ignore[misc]
    live.publish_event("counted", "odd-0", id=str(event_id))
    live.await_effects([live.announce("counted", "after-odd")])
    assert len(live.effects("odd-0")) == 1, "the same UUID, written differently, is the same event"


def test_an_event_of_a_type_that_nobody_handles_is_parked_not_lost(live: World) -> None:
    unknown = f"{live.name}.of_the_next_version.v1"
    with live.connection() as connection:
        connection.channel().queue_bind(f"{live.name}.inbox", f"{live.name}.events", unknown)
    live.publish(b'{"a": 1}', live.headers("counted", "unheard", type=unknown))

    (parked,) = wait_until(lambda: [row for row in live.waiting() if row.subject == "unheard"], "the parked event")

    assert (parked.state, parked.error_kind, bytes(parked.body)) == ("parked", "NoHandler", b'{"a": 1}')


def test_a_message_that_kills_the_process_dies_alone(world: World) -> None:
    world.declare()
    neighbours = [world.publish_event("counted", f"n{number}")["cloudEvents:id"] for number in range(10)]
    killer = world.publish_event("counted", "killer")["cloudEvents:id"]
    neighbours += [world.publish_event("counted", f"n{number}")["cloudEvents:id"] for number in range(10, 20)]
    world.tell("killer", "kill", times=1000)

    with KeptRunning(lambda: world.start("worker", RETRY_ATTEMPTS=2)) as kept:
        world.await_effects(neighbours, seconds=120)
        (dead,) = wait_until(lambda: world.waiting("dead"), "the dead event")

    assert kept.ends == [9, 9, 9], "with its batch, alone, and once more"
    assert (dead.event_id, dead.error_kind) == (killer, "AttemptsUsedUp")
    assert killer in world.cli("dead", "list", "--state", "dead").stdout


def test_what_the_broker_gives_up_is_dead(world: World) -> None:
    world.declare(delivery_limit=1)
    headers = world.publish_event("counted", "given-up")
    other = world.publish_event("counted", "other")
    for _ in range(2):  # a consumer that is lost before it can say anything, as often as the limit allows
        with world.connection() as connection:
            channel, taken = connection.channel(), []
            channel.basic_qos(0, 1, False)
            channel.basic_consume(f"{world.name}.inbox", callback=taken.append)
            wait_until(lambda taken=taken: connection.drain_events(timeout=20) or taken, "a delivery")  # type: ignore[misc]
    wait_until(lambda: world.queue_depth(f"{world.name}.inbox.dead-letters") == 1, "the dead letter")
    world.run("worker", INBOX_DELIVERY_LIMIT=1)

    (dead,) = wait_until(lambda: world.waiting("dead"), "the dead event")

    assert (dead.event_id, dead.error_kind) == (headers["cloudEvents:id"], "GivenUp")
    assert bytes(dead.body) == b'{"amount": 1}'
    world.await_effects([other["cloudEvents:id"]])


def test_the_order_of_a_subject_holds_when_a_worker_dies_twice_over_the_same_messages(world: World) -> None:
    world.declare()
    ids = [world.publish_event("counted", "s", sequence=str(number))["cloudEvents:id"] for number in range(1, 31)]
    world.tell("s", "kill", times=2)
    with KeptRunning(lambda: world.start("worker")) as kept:
        world.await_effects(ids)

    assert kept.ends == [9, 9]
    assert [row.sequence for row in world.effects("s")] == list(range(1, 31))


def test_a_parked_event_that_kills_the_process_uses_its_attempts_up(world: World) -> None:
    world.declare()
    world.tell("killer", "fail")
    killer = world.publish_event("counted", "killer")["cloudEvents:id"]
    with KeptRunning(lambda: world.start("worker", RETRY_ATTEMPTS=2)) as kept:
        wait_until(lambda: world.waiting("parked"), "the event to be parked")
        world.tell("killer", "kill", times=1000)
        (dead,) = wait_until(lambda: world.waiting("dead"), "the dead event", 90)

    assert (dead.event_id, dead.error_kind, kept.ends) == (killer, "AttemptsUsedUp", [9])


def test_nothing_in_hand_is_given_back_while_the_database_refuses(world: World) -> None:
    execute(
        world.url("probe_owner"),
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN IF EXISTS (SELECT 1 FROM told WHERE what = 'full') THEN
               RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$""",
        "CREATE TRIGGER refuse BEFORE INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    worker = world.run("worker", INBOX_DELIVERY_LIMIT=1)
    world.tell("disk", "full")
    ids = [world.publish_event("counted", f"w{number}")["cloudEvents:id"] for number in range(5)]
    wait_until(lambda: worker.text.count("reader waits for the database") > 4, "several refusals")
    world.forgive("disk")

    world.await_effects(ids)

    assert world.waiting() == []


def test_a_deleted_queue_is_declared_again(world: World) -> None:
    world.run("worker")
    with world.connection() as connection:
        connection.channel().queue_delete(f"{world.name}.inbox")

    def read_again() -> bool:
        """The queue is there before its bindings are, and a reader comes last."""
        try:
            with world.connection() as connection:
                return connection.channel().queue_declare(f"{world.name}.inbox", passive=True).consumer_count > 0
        except amqp.exceptions.NotFound:
            return False

    wait_until(read_again, "the queue and its reader")
    event = world.publish_event("counted", "after-deletion")
    world.await_effects([event["cloudEvents:id"]])

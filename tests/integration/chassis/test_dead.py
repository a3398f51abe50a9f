"""What a person can do with events that wait, at the shell; every act is audited."""

from __future__ import annotations

import base64
import json

import pytest

from tests.conditions import wait_until
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(120)


def lines(text: str) -> list[dict]:
    """One JSON object a line."""
    return [json.loads(line) for line in text.splitlines()]


def kill_with(world: World, body: bytes, subject: str) -> int:
    """Publish what cannot be read; the number under which it is dead."""
    world.publish(body, world.headers("counted", subject))
    found = wait_until(lambda: [row for row in world.waiting("dead") if row.subject == subject], "the dead event")
    return int(found[0].id)


def audited(world: World, action: str) -> list:
    """Audit entries of an action."""
    return world.sql("SELECT * FROM audit_entry WHERE action = %s ORDER BY id", action)


def test_dead_events_are_listed_grouped_and_shown_byte_for_byte(live: World) -> None:
    number = kill_with(live, b'{"amount": "\xff"}', "to-show")

    listed = lines(live.cli("dead", "list", "--state", "dead").stdout)
    groups = lines(live.cli("dead", "list", "--groups").stdout)
    (shown,) = lines(live.cli("dead", "show", str(number)).stdout)

    assert [row["subject"] for row in listed if row["id"] == number] == ["to-show"]
    assert "body" not in listed[0]
    undecodable = next(row for row in groups if row["error_kind"] == "Undecodable")
    assert undecodable["events"] >= 1
    assert undecodable["consumer"] == f"{live.name}.inbox"
    assert base64.b64decode(shown["body_base64"]) == b'{"amount": "\xff"}'
    assert shown["body_text"] is None
    assert shown["headers"]["cloudEvents:subject"] == "to-show"


def test_a_dead_event_that_is_retried_is_handled_and_gone(world: World) -> None:
    world.declare()
    world.tell("healed", "fail", times=5)
    worker = world.run("worker", RETRY_ATTEMPTS=1)
    headers = world.publish_event("counted", "healed")
    (dead,) = wait_until(lambda: world.waiting("dead"), "the dead event")
    assert dead.error_kind == "Told"
    world.forgive("healed")

    done = world.cli("dead", "retry", str(dead.id))

    assert done.returncode == 0, done.stderr
    world.await_effects([headers["cloudEvents:id"]])
    wait_until(lambda: world.waiting() == [], "nothing to wait")
    (entry,) = audited(world, "dead.retry")
    assert (entry.object, entry.role) == (f"parked_event/{dead.id}", "operator")
    assert entry.actor.startswith("shell:")
    assert worker.running


def test_a_dead_event_that_is_discarded_is_gone_and_on_record(live: World) -> None:
    number = kill_with(live, b"x", "to-discard")

    assert live.cli("dead", "discard", str(number)).returncode != 0, "it asks first"
    assert live.cli("dead", "discard", "--yes", str(number)).returncode == 0

    assert [row for row in live.waiting() if row.id == number] == []
    assert [entry.object for entry in audited(live, "dead.discard")] == [f"parked_event/{number}"]
    assert audited(live, "dead.discard")[0].before_hash


@pytest.mark.parametrize("action", [["show"], ["retry"], ["discard", "--yes"]])
def test_an_unknown_number_is_a_plain_error(live: World, action: list[str]) -> None:
    done = live.cli("dead", *action, "987654321")

    assert done.returncode == 1
    assert "no event 987654321 waits here" in done.stderr
    assert "Traceback" not in done.stderr

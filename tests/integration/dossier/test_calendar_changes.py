"""When the calendar changes, open dossiers are counted anew: all of them, once, by several schedulers and through kills."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import requests

from dossier.domain import lifecycle
from dossier.domain.instants import VIETNAM
from tests.conditions import wait_until
from tests.integration.dossier.watching import World, outbox_closed

MONDAY = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)  # ten working days: due on Monday 16/3/2026
TUESDAY = datetime.date(2026, 3, 10)


def progress(world: World, number: int) -> Any:
    return world.sql(
        "SELECT count(*) AS slices, sum(dossiers) AS dossiers, sum(moved) AS moved, sum(failed) AS failed"
        " FROM recompute_slice WHERE recompute = %s", number,
    )[0]  # fmt: skip


def dates(world: World) -> dict[str, str]:
    return {
        row.code: row.due_at.astimezone(VIETNAM).isoformat()
        for row in world.sql("SELECT code, due_at FROM dossier WHERE due_at IS NOT NULL")
    }


def test_two_schedulers_share_a_recounting_and_one_is_killed_in_mid_slice(world: World) -> None:
    codes = world.accepted(MONDAY, count=60)
    world.sql("DELETE FROM promise")  # only the recounting is looked at
    number = world.override(TUESDAY)
    with outbox_closed(world):
        killed, other = world.run("scheduler", SCHEDULER_BATCH="5"), world.run("scheduler", SCHEDULER_BATCH="5")
        wait_until(lambda: world.blocked(sessions=2), "both standing in mid-slice")
        killed.kill()
    wait_until(lambda: world.sql("SELECT 1 FROM recompute WHERE finished_at IS NOT NULL"), "the recounting's end")
    assert other.running
    assert dates(world) == dict.fromkeys(codes, "2026-03-17T09:00:00+07:00")
    told = world.said("due_date_changed")
    assert sorted(event["code"] for event in told) == sorted(codes), "each once"
    assert {(event["previous_due_at"], event["due_at"]) for event in told} == {
        ("2026-03-16T09:00:00+07:00", "2026-03-17T09:00:00+07:00")
    }
    letters = world.sql("SELECT subject FROM outbox WHERE is_command AND data LIKE '%%dossier_due_date_changed%%'")
    assert sorted(row.subject for row in letters) == sorted(codes), "each citizen is told once"
    audited = world.sql("SELECT object FROM audit_entry WHERE action = 'dossier.follow-calendar'")
    assert len(audited) == len(codes)
    done = progress(world, number)
    assert (done.slices, done.dossiers, done.moved, done.failed) == (12, 60, 60, 0)


def test_recounting_again_changes_nothing(world: World) -> None:
    world.accepted(MONDAY, count=3)
    world.override(TUESDAY)
    world.run("scheduler")
    world.wait_settled()
    versions = world.sql("SELECT code, version FROM dossier ORDER BY code")
    said = world.said("due_date_changed")
    from dossier import recompute_store

    with world.acting() as tx:
        recompute_store.order(tx, None, "thử lại")
    world.wait_settled()
    assert world.sql("SELECT code, version FROM dossier ORDER BY code") == versions
    assert world.said("due_date_changed") == said


def test_a_catalogue_with_another_calendar_is_followed(world: World) -> None:
    (code,) = world.accepted(MONDAY)
    holiday = {"overrides": [{"day": "2026-03-10", "works": False, "reason": "Nghỉ tránh bão"}]}
    from dossier import catalogue_load

    for _ in range(2):  # the second time nothing is new
        with world.acting() as tx:
            catalogue_load.load(tx, holiday)
    world.run("scheduler")
    world.wait_settled()
    assert dates(world) == {code: "2026-03-17T09:00:00+07:00"}
    assert len(world.sql("SELECT 1 FROM recompute")) == 1


def test_closed_and_completed_dossiers_never_move(world: World) -> None:
    completed, stopped, running = world.accepted(MONDAY, count=3)
    world.act(completed, lambda d, now, calendars: lifecycle.complete(d, now, calendars), MONDAY)
    world.act(stopped, lambda d, now, _: lifecycle.stop(d, now, "theo yêu cầu"), MONDAY)
    world.override(TUESDAY)
    world.run("scheduler")
    world.wait_settled()
    assert {code: date[:10] for code, date in dates(world).items()} == {
        completed: "2026-03-16",
        stopped: "2026-03-16",
        running: "2026-03-17",
    }


def test_only_units_concerned_are_counted_and_a_step_in_the_unit_is_a_concern(world: World) -> None:
    (elsewhere,) = world.accepted(MONDAY)
    (stepped,) = world.accepted(MONDAY, procedure="1.004227", unit="H52.21")  # its step is done by H52.18
    world.act(stepped, lambda d, now, calendars: lifecycle.forward(d, now, calendars), MONDAY)
    number = world.override(TUESDAY, unit="H52.18")
    world.run("scheduler")
    world.wait_settled()
    assert progress(world, number).dossiers == 1
    assert [event["code"] for event in world.said("step_due_date_changed")] == [stepped]
    assert world.said("due_date_changed") == [], "the dossier's own unit keeps its calendar"
    assert dates(world)[elsewhere][:10] == "2026-03-16"


def test_an_act_that_read_the_old_calendar_is_waited_for(world: World) -> None:
    """A dossier accepted meanwhile, by the old calendar, is not forgotten."""
    code = world.file(MONDAY)
    with world.acting() as tx:
        from dossier import desk

        desk.act(tx, code, lambda d, now, calendars: lifecycle.accept(d, now, calendars), "accept", MONDAY)
        number = world.override(TUESDAY)  # committed while the act is not
        world.run("scheduler")
        seen = "SELECT 1 FROM recompute WHERE id = %s AND horizon IS NOT NULL"
        wait_until(lambda: world.sql(seen, number), "the scheduler having seen the order")
        assert world.sql("SELECT 1 FROM recompute WHERE started_at IS NOT NULL") == []
    world.wait_settled()
    assert dates(world) == {code: "2026-03-17T09:00:00+07:00"}


@pytest.fixture
def web(world: World) -> str:
    return f"http://127.0.0.1:{world.run('web').port}"


def test_the_calendar_over_http(world: World, web: str) -> None:
    (code,) = world.accepted(MONDAY)
    clerk, officer = world.keys(["catalogue:write", "dossier:read"]), world.keys(["dossier:write", "dossier:read"])
    day = {"day": "2026-03-10", "works": False, "reason": "Nghỉ tránh bão"}

    def call(method: str, path: str, who: dict[str, str] = clerk, **more: Any) -> requests.Response:
        return requests.request(method, f"{web}/v1{path}", headers=who, timeout=10, **more)

    assert call("POST", "/calendar/overrides", officer, json=day).status_code == 403
    for wrong in (
        day | {"reason": " "},
        day | {"reason": ""},
        {"day": "2026-03-10", "works": True},
        day | {"unit": "H99"},
        day | {"works": True, "hours": "17:00-07:00"},
        day | {"works": True, "hours": " "},
        day | {"hours": "07:00-11:30"},
        day | {"day": "1800-01-01"},
        day | {"last_day": "2026-03-09"},
        day | {"last_day": "2027-03-09"},
    ):
        assert call("POST", "/calendar/overrides", json=wrong).status_code == 422, wrong
    entered = call("POST", "/calendar/overrides", json=day)
    assert entered.status_code == 201
    assert call("POST", "/calendar/overrides", json=day).status_code == 409
    number, override = entered.json()["recompute"], entered.json()["items"][0]["id"]
    assert call("GET", f"/recomputes/{number}").json()["state"] == "waiting"
    world.run("scheduler")
    wait_until(lambda: call("GET", f"/recomputes/{number}").json()["state"] == "done", "the recounting")
    shown = call("GET", f"/recomputes/{number}").json()
    assert (shown["dossiers"], shown["counted"], shown["moved"], shown["failed"]) == (1, 1, 1, 0)
    assert dates(world)[code][:10] == "2026-03-17"

    rule = {"works": True, "reason": "Bão tan", "hours": "07:00-11:30"}
    stale = requests.put(
        f"{web}/v1/calendar/overrides/{override}", json=rule, headers=clerk | {"If-Match": '"9"'}, timeout=10
    )
    assert stale.status_code == 412
    assert call("PUT", f"/calendar/overrides/{override}", json=rule).status_code == 200
    assert call("DELETE", f"/calendar/overrides/{override}").status_code == 422, "a reason is mandatory"
    assert call("DELETE", f"/calendar/overrides/{override}", params={"reason": "Nhập nhầm"}).status_code == 200
    assert call("GET", f"/calendar/overrides/{override}").status_code == 404
    assert call("GET", f"/calendar/overrides/{10**30}").status_code == 404
    assert call("GET", f"/recomputes/{10**30}").status_code == 404
    listed = call("GET", "/calendar/overrides", params={"limit": 1}).json()
    assert [item["day"] for item in listed["items"]] == ["2026-01-02"]
    after = call("GET", "/calendar/overrides", params={"limit": 1, "cursor": listed["next"]}).json()
    assert [item["day"] for item in after["items"]] == ["2026-01-10"]
    assert call("GET", "/calendar/overrides", params={"cursor": "WyJ4IiwieSJd"}).status_code == 422
    world.wait_settled()
    assert dates(world)[code][:10] == "2026-03-16"
    audited = [
        row.action for row in world.sql("SELECT action FROM audit_entry WHERE action LIKE 'calendar.%%' ORDER BY id")
    ]
    assert audited == ["calendar.add", "calendar.change", "calendar.remove"]

"""Apology and re-appointment as one audited act: from a foreseen breach to the new date, the letter and the figure."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from dossier.domain import lifecycle
from dossier.domain.instants import VIETNAM
from tests.conditions import wait_until
from tests.integration.dossier.watching import World

Call = Callable[..., requests.Response]


@pytest.fixture
def call(world: World) -> Call:
    """Calls the API in the name of somebody."""
    web = f"http://127.0.0.1:{world.run('web').port}/v1"

    def ask(method: str, path: str, who: dict[str, str], **more: Any) -> requests.Response:
        return requests.request(method, web + path, headers=who, timeout=10, **more)

    return ask


def test_from_a_foreseen_breach_to_the_new_date(world: World, call: Call) -> None:
    now = datetime.datetime.now(VIETNAM)
    (code,) = world.accepted(now)
    officer = world.keys(["dossier:read", "dossier:write", "dossier:approve"])
    leader = world.keys(["dossier:read", "dossier:approve", "events:read"], unit="H52")  # of the unit above
    stranger = world.keys(["dossier:approve"], unit="H52.18")

    (foreseen,) = call("GET", "/foreseen-breaches", officer, params={"within_days": 30}).json()["items"]
    assert (foreseen["code"], foreseen["rules"]) == (code, ["due_within_days"])
    assert foreseen["may_reappoint"] and not foreseen["apology_proposed"]
    before = foreseen["due_at"]
    new = (datetime.datetime.fromisoformat(before) + datetime.timedelta(days=30)).isoformat()

    draft = {"reason": "Chờ ý kiến của cơ quan phối hợp", "due_at": new}
    letter = call("GET", f"/dossiers/{code}/apology-letter", officer, params=draft).json()["letter"]
    for words in (code, "Nguyễn Văn An", "Sở Tư pháp tỉnh Sơn La", "xin lỗi", "Chờ ý kiến của cơ quan phối hợp."):
        assert words in letter

    proposed = call("POST", f"/dossiers/{code}/propose-apology", officer, json=draft)
    assert proposed.status_code == 200 and proposed.json()["due_at"] == before, "nothing is promised yet"
    own = call("POST", f"/dossiers/{code}/approve-apology", officer, json={})
    assert (own.status_code, own.json()["type"]) == (403, "urn:ioc:problem:own-proposal")
    assert call("POST", f"/dossiers/{code}/approve-apology", stranger, json={}).status_code == 403
    approved = call("POST", f"/dossiers/{code}/approve-apology", leader, json={})
    assert approved.status_code == 200, approved.text
    after = approved.json()["due_at"]
    assert after >= new
    assert call("POST", f"/dossiers/{code}/propose-apology", officer, json=draft).status_code == 409, "at most once"

    (order,) = world.sql(
        "SELECT data FROM outbox WHERE is_command AND subject = %s AND data LIKE '%%dossier_apology%%'", code
    )
    values = json.loads(order.data)["values"]
    assert values["letter"] == letter and values["reason"] == draft["reason"]

    world.run("relay")
    published = {"type": "dossier.due_date_extended.v1"}
    (event,) = wait_until(
        lambda: call("GET", "/events", leader, params=published).json()["events"], "the event that stats counts"
    )
    assert event["data"]["previous_due_at"] == before and event["data"]["due_at"] == after
    assert "letter" not in event["data"] and "reason" not in event["data"]
    audited = world.sql("SELECT action, actor FROM audit_entry WHERE action LIKE '%%apology' ORDER BY id")
    assert [row.action for row in audited] == ["dossier.propose-apology", "dossier.approve-apology"]
    assert len({row.actor for row in audited}) == 2, "two persons"


def test_to_extend_in_one_act_needs_the_approver(world: World, call: Call) -> None:
    (code,) = world.accepted(datetime.datetime.now(VIETNAM))
    new = (datetime.datetime.now(VIETNAM) + datetime.timedelta(days=40)).isoformat()
    body = {"reason": "Chờ ý kiến", "due_at": new}
    assert call("POST", f"/dossiers/{code}/extend", world.keys(["dossier:write"]), json=body).status_code == 403
    assert call("POST", f"/dossiers/{code}/extend", world.keys(["dossier:approve"]), json=body).status_code == 200


def test_steps_that_no_longer_fit_are_foreseen_and_said_once(world: World, call: Call) -> None:
    """Fifteen working days, of which the one step needs ten: foreseen from the sixth day on that it is not begun."""
    started = datetime.datetime.now(VIETNAM) - datetime.timedelta(days=11)
    late, begun = world.accepted(started, count=2, procedure="1.004227", unit="H52.18")
    world.act(begun, lambda d, now, calendars: lifecycle.forward(d, now, calendars), started)
    reader = world.keys(["dossier:read"], unit="H52")
    stranger = world.keys(["dossier:read"], unit="H52.17")
    assert call("GET", "/foreseen-breaches", stranger, params={"within_days": 0}).json()["items"] == []
    (found,) = call("GET", "/foreseen-breaches", reader, params={"within_days": 0, "unit": "H52"}).json()["items"]
    assert (found["code"], found["rules"]) == (late, ["remaining_steps_need_more"])
    assert call("GET", "/foreseen-breaches", reader, params={"within_days": 0, "unit": "H52.17"}).json()["items"] == []
    world.run("scheduler")
    world.wait_settled()
    assert [event["code"] for event in world.said("breach_foreseen")] == [late]


def test_foreseen_breaches_page_in_the_order_of_their_dates(world: World, call: Call) -> None:
    now = datetime.datetime.now(VIETNAM)
    codes = [world.accepted(now - datetime.timedelta(days=days))[0] for days in (1, 2, 3)]
    reader, seen, cursor = world.keys(["dossier:read"]), [], None
    while True:
        query = {"within_days": 30, "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = call("GET", "/foreseen-breaches", reader, params=query).json()
        seen += [item["code"] for item in page["items"]]
        if not (cursor := page["next"]):
            break
    assert sorted(seen) == sorted(codes) and len(seen) == 3
    dues = {row.code: row.due_at for row in world.sql("SELECT code, due_at FROM dossier")}
    assert seen == sorted(codes, key=lambda code: (dues[code], code))
    for cursor in ("WyJ4IiwieSJd", "WyIyMDI2LTAxLTAxIiwgNV0", "x", "W10"):
        assert call("GET", "/foreseen-breaches", reader, params={"cursor": cursor}).status_code == 422

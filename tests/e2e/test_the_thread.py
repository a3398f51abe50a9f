"""From a filed dossier to the citizen's mailbox and the province's counters, from outside."""

from __future__ import annotations

import uuid
from typing import Any

from tests.e2e.conftest import Platform, wait_until


def filing(email: str, unit: str = "H52.17", procedure: str = "2.000488") -> dict[str, Any]:
    return {"procedure": procedure, "unit": unit, "applicant": {"full_name": "Lò Văn An", "email": email}}


def address() -> str:
    return f"an-{uuid.uuid4().hex[:12]}@example.vn"


def counted(platform: Platform, measure: str, unit: str = "H52.17") -> int:
    rows = platform.call("stats", "/v1/counters", as_="leader").json
    return sum(row["value"] for row in rows if row["unit"] == unit and row["measure"] == measure)


def test_a_filed_dossier_is_in_the_mailbox_and_in_the_counter(platform: Platform) -> None:
    before, email = counted(platform, "received"), address()
    answer = platform.call("dossier", "/v1/dossiers", filing(email))
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/dossiers/{answer.json['code']}"
    mails = wait_until(lambda: platform.mails(email), "the e-mail")
    assert [answer.json["code"] in mail["subject"] for mail in mails] == [True]
    wait_until(lambda: counted(platform, "received") == before + 1, "the counter")


def test_the_same_post_twice_files_one_dossier_and_sends_one_mail(platform: Platform) -> None:
    email, key = address(), uuid.uuid4().hex
    first = platform.call("dossier", "/v1/dossiers", filing(email), Idempotency_Key=key)
    again = platform.call("dossier", "/v1/dossiers", filing(email), Idempotency_Key=key)
    other = platform.call("dossier", "/v1/dossiers", filing(address()), Idempotency_Key=key)
    assert (first.status, again.status, other.status) == (201, 201, 422)
    assert first.json == again.json
    marker = address()
    platform.call("dossier", "/v1/dossiers", filing(marker))
    wait_until(lambda: platform.mails(marker), "a later e-mail")
    assert len(platform.mails(email)) == 1


def test_a_dossier_goes_from_filing_to_result_and_its_history_tells_it(platform: Platform) -> None:
    finished, email = counted(platform, "finished"), address()
    code = platform.call("dossier", "/v1/dossiers", filing(email)).json["code"]
    for act in ("accept", "complete", "return-result"):
        assert platform.call("dossier", f"/v1/dossiers/{code}/{act}", {}).status == 200
    dossier = platform.call("dossier", f"/v1/dossiers/{code}").json
    assert (dossier["status"], dossier["allowed_acts"]) == (10, [])
    wait_until(lambda: counted(platform, "finished") == finished + 1, "the counter of finished dossiers")

    def told() -> bool:
        history = platform.call("dossier", f"/v1/dossiers/{code}/history").json
        return sum(entry["fact"] == "CitizenTold" for entry in history) == 4

    wait_until(told, "four messages noted in the history")
    assert len(platform.mails(email)) == 4


def test_a_refused_act_names_the_rule_the_article_and_what_is_allowed(platform: Platform) -> None:
    code = platform.call("dossier", "/v1/dossiers", filing(address())).json["code"]
    request = {"reason": "Thiếu bản sao căn cước công dân"}
    assert platform.call("dossier", f"/v1/dossiers/{code}/accept", {}).status == 200
    assert platform.call("dossier", f"/v1/dossiers/{code}/request-supplement", request).status == 200
    assert platform.call("dossier", f"/v1/dossiers/{code}/receive-supplement", {}).status == 200
    refused = platform.call("dossier", f"/v1/dossiers/{code}/request-supplement", request)
    assert refused.status == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["type"] == "urn:ioc:problem:SupplementAlreadyRequested"
    assert refused.json["article"] and "complete" in refused.json["allowed_acts"]


def test_an_officer_cannot_act_for_another_unit(platform: Platform) -> None:
    code = platform.call("dossier", "/v1/dossiers", filing(address())).json["code"]
    assert platform.call("dossier", f"/v1/dossiers/{code}/accept", {}, as_="officer18").status == 403
    assert platform.call("dossier", "/v1/dossiers", filing(address(), unit="H52.18")).status == 403


def test_a_change_that_somebody_else_made_meanwhile_is_noticed(platform: Platform) -> None:
    filed = platform.call("dossier", "/v1/dossiers", filing(address()))
    code, etag = filed.json["code"], filed.headers["ETag"]
    assert platform.call("dossier", f"/v1/dossiers/{code}/accept", {}, If_Match=etag).status == 200
    assert platform.call("dossier", f"/v1/dossiers/{code}/complete", {}, If_Match=etag).status == 412


def test_a_camera_that_does_not_answer_becomes_an_event(platform: Platform) -> None:
    camera = {
        "site": "H52-CL-01",
        "name": uuid.uuid4().hex,
        "placement": "gate",
        "rtsp_url": "rtsp://127.0.0.1:9/main",
        "credentials": {"username": "admin", "password": "rat-bi-mat"},
    }
    registered = platform.call("ipcam", "/v1/cameras", camera, as_="admin")
    assert registered.status == 201
    assert "rat-bi-mat" not in str(registered.json)
    path = f"/v1/cameras/{registered.json['id']}"
    wait_until(lambda: platform.call("ipcam", path, as_="admin").json["status"] == "offline", "the camera is offline")

    def announced() -> bool:
        events = platform.call("ipcam", "/v1/events?type=ipcam.camera_offline.v1&limit=1000", as_="admin").json[
            "events"
        ]
        return any(event["subject"] == registered.json["id"] for event in events)

    wait_until(announced, "the event in the feed")


def test_a_camera_inside_a_room_is_refused_with_the_rule(platform: Platform) -> None:
    camera = {"site": "H52-CL-01", "name": "Phòng 1", "placement": "inside_room", "rtsp_url": "rtsp://127.0.0.1/x"}
    refused = platform.call("ipcam", "/v1/cameras", camera, as_="admin")
    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "placement"
    assert "CV 4403" in refused.json["errors"][0]["rule"]


def test_the_feed_has_every_event_and_nobodys_name(platform: Platform) -> None:
    code = platform.call("dossier", "/v1/dossiers", filing(address())).json["code"]

    def events() -> list[dict[str, Any]]:
        found, after = [], 0
        while page := platform.call("dossier", f"/v1/events?after={after}&limit=500", as_="admin").json["events"]:
            found += page
            after = page[-1]["position"]
        return found

    own = wait_until(lambda: [event for event in events() if event["subject"] == code], "the event in the feed")
    assert [(event["type"], event["sequence"]) for event in own] == [("dossier.received.v1", "1")]
    assert "Lò Văn An" not in str(events()) and "notify.send.v1" not in str(events())


def test_the_audit_chain_holds(platform: Platform) -> None:
    platform.call("dossier", "/v1/dossiers", filing(address()))
    verified = platform.python("dossier", "audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_second_up_changes_nothing(platform: Platform) -> None:
    def running() -> list[list[str]]:
        """Name, state and process id of each; what does not run has no id."""
        return [line.split()[:3] for line in platform.make("ps").splitlines()[1:] if " running " in line]

    before = running()
    assert len(before) > 10
    platform.make("up")
    assert running() == before

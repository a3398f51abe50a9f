"""HTTP: every error is a problem that names the field and the rule, a POST has one effect, bad input is never a 5xx."""

from __future__ import annotations

import concurrent.futures
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.integration.chassis.http_client import Client
from tests.integration.chassis.issuer import Issuer
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(120)
THING = {"name": "Cân", "amount": 3}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """The module's issuer."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def here(new_world: Callable[[], World]) -> World:
    """The module's database."""
    return new_world()


@pytest.fixture(scope="module")
def client(here: World, issuer: Issuer) -> Client:
    """An officer."""
    return Client(here, issuer)


def problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The body of an answer that must be a problem."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.json
    assert body["status"] == status
    assert body["title"]
    assert body["instance"] == f"urn:ioc:correlation:{answer.headers['X-Correlation-Id']}"
    return body


def fields(answer: TestResponse) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in problem(answer, 422)["errors"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "a", "unheard_of": 1}, "unheard_of"),
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": "a", "amount": "many"}, "amount"),
        ({"name": "a", "due_on": "31/12/2026"}, "due_on"),
        ({"name": "a", "tags": ["ok", ""]}, "tags.1"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": "a", "tags": ["x\x00"]}, "tags.0"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        (5, "body"),
    ],
)
def test_a_field_that_breaks_a_rule_is_named(client: Client, body: Any, field: str) -> None:
    answer = client.post("/v1/things", data=json.dumps(body), content_type="application/json")

    assert field in [name.removeprefix("json.") for name in fields(answer)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": ',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a", "amount": ' + b"9" * 5000 + b"}",
        b"[" * 50_000,
        b"{'a': 1}",
    ],
    ids=["cut", "bytes", "bad UTF-8", "raw surrogate", "endless number", "endless nesting", "no JSON"],
)
def test_what_is_no_json_is_400(client: Client, body: bytes) -> None:
    problem(client.post("/v1/things", data=body, content_type="application/json"), 400)


@pytest.mark.parametrize("amount", [2**31, -(2**31) - 1, 2**63, 10**300, 1e400])
def test_a_number_out_of_range_is_422(client: Client, amount: float) -> None:
    text = json.dumps({"name": "a", "amount": amount})
    problem(client.post("/v1/things", data=text, content_type="application/json"), 422)


def test_a_body_of_another_type_is_415(client: Client) -> None:
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
    ):
        problem(client.post("/v1/things", data=json.dumps(THING), content_type=content_type), 415)


def test_a_body_that_is_too_large_is_413(client: Client) -> None:
    answer = client.post("/v1/things", data=b'{"name": "' + b"x" * 100_001, content_type="application/json")
    problem(answer, 413)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/things/abc", "/v1/things/-1", "/v1/things/1", "/v1/things/" + "9" * 40]
)
def test_what_is_not_there_is_404_or_422_and_never_500(here: World, issuer: Issuer, path: str) -> None:
    here.sql("DELETE FROM thing")
    problem(Client(here, issuer).get(path), 404)


def test_a_method_that_is_not_allowed_is_405_and_names_those_that_are(client: Client) -> None:
    answer = client.call("DELETE", "/v1/things")

    problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize(
    "url",
    [
        "/v1/things?limit=%00",
        "/v1/events?type=a&type=%00",
        "/v1/events?%00=1",
        "/v1/things/%00",
        "/%00",
    ],
)
def test_nul_in_the_url_is_400(client: Client, url: str) -> None:
    assert client.get(url).status_code in (400, 404)
    assert problem(client.get(url), client.get(url).status_code)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=x", "cursor=", "cursor=bnVsbA", "unheard=1"]
)
def test_a_bad_page_is_422(client: Client, query: str) -> None:
    problem(client.get(f"/v1/things?{query}"), 422)


@pytest.mark.parametrize(
    "cursor", ["Ii0xIg", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "dHJ1ZQ", "WzFd", "%F0%9F%97%82", "MS41"]
)
def test_a_cursor_that_was_not_handed_out_is_422(client: Client, cursor: str) -> None:
    assert fields(client.get(f"/v1/things?cursor={cursor}")) == ["cursor"]


def test_surrogates_in_the_url_are_no_5xx(client: Client) -> None:
    for url in ("/v1/events?type=%ED%A0%80", "/v1/things?cursor=%ED%A0%80", "/v1/things/%FF", "/%ED%A0%80"):
        assert client.get(url).status_code < 500


def test_pages_follow_one_another_without_gap_or_repetition(here: World, client: Client) -> None:
    here.sql("DELETE FROM thing")
    for number in range(5):
        client.post("/v1/things", json={"name": f"n{number}"})
    seen, cursor = [], None
    for _ in range(3):
        page = client.get(f"/v1/things?limit=2{'&cursor=' + cursor if cursor else ''}").json
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == ([f"n{number}" for number in range(5)], None)


def test_a_domain_s_named_error_has_one_mapping(client: Client) -> None:
    body = problem(client.post("/v1/things", json={"name": "taken"}), 409)

    assert body["type"] == "urn:ioc:problem:name-taken"


def test_a_bug_of_ours_says_nothing_about_us(client: Client) -> None:
    body = problem(client.get("/v1/broken"), 500)

    assert "bug" not in json.dumps(body)
    assert "Runtime" not in json.dumps(body)


def test_a_database_that_is_away_is_503_with_retry_after(issuer: Issuer, here: World) -> None:
    import copy

    from chassis.database import Database
    from chassis.settings import DatabaseSettings

    nowhere = copy.copy(here)
    nowhere.database = Database(DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/nothing"), "test")
    answer = Client(nowhere, issuer).get("/v1/things")

    problem(answer, 503)
    assert answer.headers["Retry-After"]


# Idempotency


def count(here: World, name: str) -> int:
    """Things of a name."""
    return int(here.sql("SELECT count(*) FROM thing WHERE name = %s", name)[0][0])


def test_the_same_key_and_body_have_one_effect_and_one_answer(here: World, client: Client) -> None:
    first, second = (
        client.post("/v1/things", json={"name": "once"}, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    )

    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["ETag"] == second.headers["ETag"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(here, "once") == 1
    assert here.sql("SELECT count(*) FROM outbox WHERE subject = %s", f"thing-{first.json['id']}")[0][0] == 1


def test_the_same_key_with_another_body_is_422(here: World, client: Client) -> None:
    client.post("/v1/things", json={"name": "key-a"}, headers={"Idempotency-Key": "k2"})
    answer = client.post("/v1/things", json={"name": "key-b"}, headers={"Idempotency-Key": "k2"})

    assert problem(answer, 422)["type"] == "urn:ioc:problem:idempotency-key"
    assert count(here, "key-b") == 0


def test_the_same_key_of_another_caller_is_another_key(here: World, client: Client, issuer: Issuer) -> None:
    for token in (None, issuer.token(sub="officer-2")):
        answer = client.post("/v1/things", json={"name": "two"}, headers={"Idempotency-Key": "k3"}, token=token)
        assert answer.status_code == 201
    assert count(here, "two") == 2


def test_a_refused_request_does_not_use_its_key_up(here: World, client: Client) -> None:
    problem(client.post("/v1/things", json={"name": ""}, headers={"Idempotency-Key": "k4"}), 422)
    problem(client.post("/v1/things", json={"name": "taken"}, headers={"Idempotency-Key": "k4"}), 409)

    assert client.post("/v1/things", json={"name": "at last"}, headers={"Idempotency-Key": "k4"}).status_code == 201


def test_concurrent_requests_with_one_key_have_one_effect(here: World, client: Client) -> None:
    def post(_: int) -> TestResponse:
        return client.post("/v1/things", json={"name": "race"}, headers={"Idempotency-Key": "k5"})

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(post, range(12)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert count(here, "race") == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there", "\x7f"])
def test_a_bad_key_is_400(client: Client, key: str) -> None:
    problem(client.post("/v1/things", json=THING, headers={"Idempotency-Key": key}), 400)


# Versions


def test_a_change_needs_the_version_that_was_read(client: Client) -> None:
    created = client.post("/v1/things", json=THING)
    path = created.headers["Location"]
    assert client.get(path).headers["ETag"] == created.headers["ETag"] == '"1"'

    problem(client.put(path, json=THING), 428)
    stale = client.put(path, json=THING, headers={"If-Match": '"7"'})
    changed = client.put(path, json=THING | {"amount": 4}, headers={"If-Match": '"1"'})

    problem(stale, 412)
    assert stale.headers["ETag"] == '"1"'
    assert changed.status_code == 200
    assert (changed.json["amount"], changed.headers["ETag"]) == (4, '"2"')
    problem(client.put(path, json=THING, headers={"If-Match": '"1"'}), 412)


def test_of_two_changes_at_once_one_wins(client: Client) -> None:
    path = client.post("/v1/things", json=THING).headers["Location"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: client.put(path, json=THING | {"amount": n}, headers={"If-Match": '"1"'}), range(4))
        )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


# What goes with every answer


def test_a_well_formed_correlation_id_is_kept_and_another_replaced(client: Client) -> None:
    assert (
        client.get("/v1/things", headers={"X-Correlation-Id": "abc.1:2-3"}).headers["X-Correlation-Id"] == "abc.1:2-3"
    )
    for forged in ("a b", "x" * 65, "ü", '"}'):
        given = client.get("/v1/things", headers={"X-Correlation-Id": forged}).headers["X-Correlation-Id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", given)


def test_answers_are_neither_cached_nor_sniffed(client: Client) -> None:
    answer = client.get("/v1/things")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_vietnamese_is_answered_as_it_is_written(client: Client) -> None:
    answer = client.post("/v1/things", json={"name": "Đã tiếp nhận hồ sơ"})

    assert "Đã tiếp nhận hồ sơ" in answer.text


def test_the_openapi_document_names_security_and_problems(client: Client) -> None:
    document = client.get("/openapi.json", token="").json

    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/v1/things"]["post"]["security"] == [{"oidc": ["things:write"]}]
    assert "application/problem+json" in document["components"]["responses"]["UNPROCESSABLE_ENTITY"]["content"]


# Dead events and the feed over HTTP


def bury(here: World, body: bytes = b"\xff", subject: str = "http-dead") -> int:
    """A dead event."""
    row = here.sql(
        """INSERT INTO parked_event (consumer, event_id, type, subject, body, headers, content_type, state, attempts,
               next_attempt_at, error_kind, error, died_at)
           VALUES ('probe.inbox', 'e', 't.v1', %s, %s, '{"a": "b"}', 'application/json', 'dead', 3, now(), 'Boom', 'x', now())
           RETURNING id""", subject, body,
    )  # fmt: skip
    return int(row[0].id)


def test_dead_events_are_paged_grouped_and_shown_over_http(here: World, client: Client) -> None:
    numbers = [bury(here), bury(here)]

    first = client.get("/v1/dead?state=dead&limit=1").json
    rest = client.get(f"/v1/dead?state=dead&cursor={first['next']}").json
    groups = client.get("/v1/dead/groups").json
    shown = client.get(f"/v1/dead/{numbers[0]}").json

    assert [row["id"] for row in first["items"] + rest["items"]][-2:] == numbers
    assert {"consumer": "probe.inbox", "state": "dead", "error_kind": "Boom"}.items() <= groups[0].items()
    assert (shown["body_base64"], shown["body_text"], shown["headers"]) == ("/w==", None, {"a": "b"})
    problem(client.get("/v1/dead?state=lost"), 422)


def test_retry_and_discard_over_http_are_audited_with_the_caller(here: World, client: Client) -> None:
    again, gone = bury(here), bury(here)

    assert client.post(f"/v1/dead/{again}/retry").status_code == 204
    assert client.call("DELETE", f"/v1/dead/{gone}").status_code == 204

    (row,) = here.sql("SELECT state, attempts FROM parked_event WHERE id = %s", again)
    assert (row.state, row.attempts) == ("parked", 0)
    assert here.sql("SELECT 1 FROM parked_event WHERE id = %s", gone) == []
    entries = here.sql(
        "SELECT action, actor, unit, address FROM audit_entry WHERE object LIKE 'parked_event/%%' ORDER BY id"
    )
    assert [tuple(entry) for entry in entries][-2:] == [
        ("dead.retry", "officer-1", "H48.01", "127.0.0.1"),
        ("dead.discard", "officer-1", "H48.01", "127.0.0.1"),
    ]
    for number in (gone, 2**62, 2**80):
        problem(client.get(f"/v1/dead/{number}"), 404)
        problem(client.post(f"/v1/dead/{number}/retry"), 404)
        problem(client.call("DELETE", f"/v1/dead/{number}"), 404)


def test_the_feed_over_http_takes_several_types(here: World, client: Client) -> None:
    here.sql(
        """WITH moved AS (UPDATE event_log_head SET position = position + 3 RETURNING position - 3 AS base)
           INSERT INTO event_log SELECT base + n, now(), gen_random_uuid(), 'feed.' || n || '.v1', 's', n, now(), '{"a": 1}',
           'c', NULL, NULL FROM moved, generate_series(1, 3) AS n"""
    )

    page = client.get("/v1/events?type=feed.1.v1&type=feed.3.v1").json

    assert [event["type"] for event in page["events"]] == ["feed.1.v1", "feed.3.v1"]
    assert page["events"][0]["data"] == {"a": 1}
    assert client.get(f"/v1/events?after={page['next']}").json["events"] == []
    problem(client.get("/v1/events?after=-1"), 422)
    problem(client.get("/v1/events?after=99999999999999999999"), 422)
    problem(client.get("/v1/events?limit=1001"), 422)

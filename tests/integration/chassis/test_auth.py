"""Who is believed: tokens, keys, scopes, rates, lock-out."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

from tests.integration.chassis.http_client import Client
from tests.integration.chassis.issuer import Issuer, b64
from tests.integration.chassis.processes import Process
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A fresh issuer."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def here(new_world: Callable[[], World]) -> World:
    """The module's database."""
    return new_world()


@pytest.fixture
def client(here: World, issuer: Issuer) -> Client:
    """An officer, with no refusal on record."""
    here.sql("DELETE FROM rate_bucket")
    return Client(here, issuer)


def refused(answer: TestResponse) -> bool:
    """401 as a problem, with the challenge, telling nothing."""
    assert answer.content_type == "application/problem+json", answer.text
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["detail"] in ("Credentials are not valid", "Credentials are missing")
    return answer.status_code == 401


def test_a_sound_token_is_the_caller(client: Client) -> None:
    assert client.get("/v1/whoami").json == {
        "subject": "officer-1",
        "unit": "H48.01",
        "role": "officer",
        "scopes": ["dead:manage", "events:read", "things:read", "things:write"],
    }


def test_without_credentials_nothing_is_open(client: Client) -> None:
    assert refused(client.get("/v1/whoami", token=""))


@pytest.mark.parametrize("trick", ["unsigned", "confused"])
def test_a_token_does_not_choose_its_algorithm(client: Client, issuer: Issuer, trick: str) -> None:
    assert refused(client.get("/v1/whoami", token=getattr(issuer, trick)()))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"exp": -60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"sub": None},
        {"sub": ""},
        {"nbf": 7_200},
        {"iat": 7_200},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(client: Client, issuer: Issuer, changed: dict) -> None:
    """A number is seconds from now, and `now` is when the test runs."""
    changed = {name: int(time.time()) + value if type(value) is int else value for name, value in changed.items()}
    assert refused(client.get("/v1/whoami", token=issuer.token(**changed)))


def test_a_token_for_several_audiences_with_ours_among_them_is_believed(client: Client, issuer: Issuer) -> None:
    assert client.get("/v1/whoami", token=issuer.token(aud=["ioc", "other"])).status_code == 200


def test_a_key_that_was_never_published_is_refused(client: Client, issuer: Issuer) -> None:
    assert refused(client.get("/v1/whoami", token=issuer.token(key=issuer.foreign_key("first"))))
    assert refused(client.get("/v1/whoami", token=issuer.token(key=issuer.foreign_key("unheard-of"))))


def test_a_key_in_the_token_s_own_header_is_not_believed(client: Client, issuer: Issuer) -> None:
    own = issuer.foreign_key("own")
    token = issuer.token(key=own, header={"jwk": own.as_dict(private=False)})

    assert refused(client.get("/v1/whoami", token=token))


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "..",
        "é",
        "\xff",
        "a" * 8000,
        b64({"alg": "RS256"}) + ".e30.AA",
        b64([]) + ".e30.AA",
        b64("x") + "." + b64([]) + ".AA",
    ],
)
def test_a_broken_token_is_refused_and_no_5xx(client: Client, token: str) -> None:
    assert refused(client.get("/v1/whoami", token=token))


@pytest.mark.parametrize("claims", [b64([]), b64("x"), b64(None), "e30", "AA"])
def test_signed_nonsense_is_refused(client: Client, issuer: Issuer, claims: str) -> None:
    from joserfc import jws

    key = issuer.keys[0]
    padded = claims + "=" * (-len(claims) % 4)
    import base64

    token = jws.serialize_compact({"alg": "RS256", "kid": "first"}, base64.urlsafe_b64decode(padded), key)

    assert refused(client.get("/v1/whoami", token=token))


@pytest.mark.parametrize(
    "claim", [{"unit": ["H48"]}, {"unit": 5}, {"scope": ["things:read"]}, {"role": None}, {"role": {"a": 1}}]
)
def test_odd_claims_of_a_believed_issuer_are_no_5xx(client: Client, issuer: Issuer, claim: dict) -> None:
    answer = client.post("/v1/things", json={"name": "odd"}, token=issuer.token(**claim))

    assert answer.status_code in (201, 403)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dTpw", "bearer", "Token x", "ApiKey", "ApiKey x", "ApiKey .", "ApiKey a\x00"]
)
def test_other_schemes_are_refused(client: Client, header: str) -> None:
    assert refused(client.app.test_client().get("/v1/whoami", headers={"Authorization": header.replace("\x00", "")}))


def test_a_new_key_is_found_and_a_withdrawn_one_is_not_believed_for_long(client: Client, issuer: Issuer) -> None:
    tokens = client.app.extensions["authenticator"].tokens
    assert client.get("/v1/whoami").status_code == 200
    old = issuer.rotate(withdraw=True)
    assert refused(client.get("/v1/whoami", token=issuer.token())), "the keys were fetched a moment ago"

    tokens.fetched_at -= 31
    assert client.get("/v1/whoami", token=issuer.token()).status_code == 200
    assert refused(client.get("/v1/whoami", token=issuer.token(key=old)))


def test_a_withdrawn_key_is_forgotten_although_nobody_shows_a_new_one(client: Client, issuer: Issuer) -> None:
    tokens = client.app.extensions["authenticator"].tokens
    assert client.get("/v1/whoami").status_code == 200
    old = issuer.rotate(withdraw=True)
    assert client.get("/v1/whoami", token=issuer.token(key=old, jti="2")).status_code == 200, "still kept"

    tokens.fetched_at -= 601

    assert refused(client.get("/v1/whoami", token=issuer.token(key=old, jti="3")))


def test_unknown_keys_do_not_make_us_ask_the_issuer_each_time(client: Client, issuer: Issuer) -> None:
    client.get("/v1/whoami")
    for number in range(5):
        client.get("/v1/whoami", token=issuer.token(key=issuer.foreign_key(f"k{number}")))

    assert issuer.fetched <= 2


def test_an_issuer_that_is_away_is_503_at_first_and_does_not_matter_later(here: World, issuer: Issuer) -> None:
    issuer.away = True
    client = Client(here, issuer)
    assert client.get("/v1/whoami").status_code == 503
    issuer.away = False
    assert client.get("/v1/whoami").status_code == 200
    issuer.away = True
    client.app.extensions["authenticator"].tokens.fetched_at -= 10_000
    assert client.get("/v1/whoami", token=issuer.token(jti="2")).status_code == 200, "the keys that we have still hold"


def test_a_token_that_expires_is_not_believed_from_memory(client: Client, issuer: Issuer) -> None:
    token = issuer.token(exp=int(time.time()) + 1)
    assert client.get("/v1/whoami", token=token).status_code == 200
    verified = client.app.extensions["authenticator"].tokens.verified
    fingerprint = hashlib.sha256(token.encode()).hexdigest()
    caller, until = verified[fingerprint]
    assert until <= time.time() + 32
    verified[fingerprint] = (caller, time.time() - 1)
    client.app.extensions["authenticator"].tokens.claims.leeway = -10

    assert refused(client.get("/v1/whoami", token=token))


def test_a_missing_scope_is_403_and_named(client: Client, issuer: Issuer) -> None:
    answer = client.post("/v1/things", json={"name": "x"}, token=issuer.token(scope="things:read"))

    assert answer.status_code == 403
    assert answer.json["scope"] == "things:write"
    assert client.get("/v1/dead", token=issuer.token(scope="things:read events:read")).status_code == 403
    assert client.get("/v1/events", token=issuer.token(scope="things:read")).status_code == 403


def test_refusals_are_audited_and_too_many_lock_the_address_out(here: World, issuer: Issuer) -> None:
    here.sql("DELETE FROM rate_bucket")
    client = Client(here, issuer, failures_per_minute=5)

    answers = [client.get("/v1/whoami", token=f"wrong-{number}").status_code for number in range(8)]

    assert answers[:5] == [401] * 5
    assert answers[-1] == 429
    locked = client.get("/v1/whoami", token="wrong")
    assert locked.json["type"] == "urn:ioc:problem:locked-out"
    assert locked.headers["Retry-After"]
    entries = here.sql("SELECT object, result FROM audit_entry WHERE action = 'login' ORDER BY id DESC LIMIT 5")
    assert {entry.object for entry in entries} == {"address/127.0.0.1"}
    assert all(entry.result.startswith("refused") for entry in entries)
    here.sql("DELETE FROM rate_bucket")


# API keys


def api_key(here: World, *words: str) -> str:
    """A key made at the shell."""
    done = here.cli("apikey", "create", "--name", "portal", "--scope", "things:read", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def with_key(client: Client, key: str) -> TestResponse:
    """Who a key is."""
    return client.app.test_client().get("/v1/whoami", headers={"Authorization": f"ApiKey {key}"})


def test_an_api_key_works_until_it_is_revoked_and_its_secret_is_nowhere(here: World, client: Client) -> None:
    key = api_key(here, "--unit", "H48.02")
    prefix, secret = key.split(".")

    assert with_key(client, key).json == {
        "subject": f"key:{prefix}", "unit": "H48.02", "role": "machine", "scopes": ["things:read"],
    }  # fmt: skip
    dump = json.dumps(
        [
            [str(value) for value in row]
            for table in ("api_key", "audit_entry")
            for row in here.sql(f"SELECT * FROM {table}")
        ]
    )
    assert secret not in dump
    assert hashlib.sha256(secret.encode()).hexdigest() in dump
    assert prefix in here.cli("apikey", "list").stdout
    assert hashlib.sha256(secret.encode()).hexdigest() not in here.cli("apikey", "list").stdout
    assert refused(with_key(client, f"{prefix}.{secret[:-1]}x"))

    assert here.cli("apikey", "revoke", prefix).returncode == 0
    assert refused(with_key(client, key))
    assert here.cli("apikey", "revoke", prefix).returncode == 1
    actions = [
        row.action
        for row in here.sql("SELECT action FROM audit_entry WHERE object = %s ORDER BY id", f"api_key/{prefix}")
    ]
    assert actions == ["api_key.create", "api_key.revoke"]


def test_an_expired_api_key_is_refused(here: World, client: Client) -> None:
    key = api_key(here)
    here.sql("UPDATE api_key SET expires_at = now() - interval '1 s' WHERE prefix = %s", key.split(".")[0])

    assert refused(with_key(client, key))


# Rates


def test_a_key_s_rate_holds(here: World, client: Client) -> None:
    key = api_key(here, "--per-minute", "5")

    answers = [with_key(client, key) for _ in range(8)]

    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert 429 in [answer.status_code for answer in answers[5:]]
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.json["type"] == "urn:ioc:problem:rate-limit"
    assert limited.headers["Retry-After"]


def test_a_large_rate_is_not_exceeded_by_leasing(here: World, issuer: Issuer) -> None:
    here.sql("DELETE FROM rate_bucket")
    clients = [Client(here, issuer, requests_per_minute=200) for _ in range(2)]
    began = time.monotonic()
    answers = [client.get("/v1/whoami").status_code for _ in range(250) for client in clients]
    refill = (time.monotonic() - began) * 200 / 60

    assert 200 <= answers.count(200) <= 200 + refill + 2
    here.sql("DELETE FROM rate_bucket")


def test_the_rate_holds_across_processes(here: World, issuer: Issuer) -> None:
    here.sql("DELETE FROM rate_bucket")
    limits = {"RATE_LIMIT_PER_MINUTE": 30, "HTTP_WORKERS": 1} | issuer.environment
    processes = [here.start("web", **limits) for _ in range(2)]
    for process in processes:
        process.wait_ready()
    token = issuer.token(sub="eager")
    began = time.monotonic()

    statuses = [status(process, token) for _ in range(25) for process in processes]

    refill = (time.monotonic() - began) * 30 / 60
    assert 30 <= statuses.count(200) <= 30 + refill + 2
    assert statuses.count(429) == 50 - statuses.count(200)
    for process in processes:
        process.terminate()
        assert process.ended() == 0
    here.sql("DELETE FROM rate_bucket")


def status(process: Process, token: str) -> int:
    """One call over the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=20)
    connection.request("GET", "/v1/whoami", headers={"Authorization": f"Bearer {token}"})
    found = connection.getresponse().status
    connection.close()
    return found

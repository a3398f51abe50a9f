"""The local OIDC provider gives the tokens that the services check, and only for the right password and verifier."""

import base64
import hashlib
import stat
import time
import urllib.parse

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from infra.local.accounts import ACCOUNTS
from infra.local.oidc import create_app, signing_keys
from infra.local.oidc_grants import Issuer

ISSUER = "http://127.0.0.1:18090"
PASSWORD = "demo-password"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "http://127.0.0.1:5173/callback"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    return tmp_path_factory.mktemp("oidc") / "key.json"


@pytest.fixture
def provider(key_file):
    return create_app(Issuer(ISSUER, "ioc", signing_keys(key_file), PASSWORD)).test_client()


def ask_by_password(provider, login="officer", password=PASSWORD, **more):
    form = {"grant_type": "password", "client_id": "ioc-cli", "username": login, "password": password, **more}
    return provider.post("/token", data=form)


def claims(provider, token):
    keys = KeySet.import_key_set(provider.get("/jwks").json)
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


def authorize(provider, **changes):
    asked = {
        "response_type": "code",
        "client_id": "ioc-console",
        "redirect_uri": CALLBACK,
        "scope": "openid stats:read audit:read",
        "state": "s1",
        "nonce": "n1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return "/authorize?" + urllib.parse.urlencode(asked)


def log_in(provider, **changes):
    return provider.post(authorize(provider, **changes), data={"username": "leader", "password": PASSWORD})


def exchange(provider, code, verifier=VERIFIER):
    form = {"grant_type": "authorization_code", "client_id": "ioc-console", "redirect_uri": CALLBACK, "code": code}
    return provider.post("/token", data=form | ({"code_verifier": verifier} if verifier else {}))


def code_of(answer):
    location = urllib.parse.urlsplit(answer.headers["Location"])
    return urllib.parse.parse_qs(location.query)["code"][0]


def test_a_token_says_who_for_whom_what_and_which_unit_for_eight_hours(provider):
    token = claims(provider, ask_by_password(provider).json["access_token"])

    assert token["iss"] == ISSUER
    assert token["aud"] == "ioc"
    assert (token["sub"], token["role"], token["unit"]) == ("officer", "officer", "H52.17")
    assert "dossier:write" in token["scope"].split()
    assert token["exp"] - time.time() == pytest.approx(8 * 3600, abs=60)


@pytest.mark.parametrize("login", ACCOUNTS)
def test_every_demo_account_gets_a_token_with_its_own_scopes(provider, login):
    scope = claims(provider, ask_by_password(provider, login).json["access_token"])["scope"]

    assert set(scope.split()) == set(ACCOUNTS[login].scopes)


def test_nobody_gets_a_scope_that_the_account_does_not_have(provider):
    answer = ask_by_password(provider, scope="stats:read audit:read dead:manage")

    assert claims(provider, answer.json["access_token"])["scope"] == "stats:read"


@pytest.mark.parametrize(
    ("login", "password"), [("officer", "wrong"), ("officer", ""), ("nobody", PASSWORD), ("officer", "é")]
)
def test_a_wrong_login_or_password_gets_no_token(provider, login, password):
    answer = ask_by_password(provider, login, password)

    assert answer.status_code == 400
    assert "access_token" not in answer.json


def test_the_browser_log_in_with_pkce_ends_in_tokens_with_the_nonce(provider):
    answer = log_in(provider)
    tokens = exchange(provider, code_of(answer)).json

    assert answer.headers["Location"].startswith(CALLBACK)
    assert "state=s1" in answer.headers["Location"]
    assert claims(provider, tokens["access_token"])["scope"] == "openid stats:read"
    identity = claims(provider, tokens["id_token"])
    assert (identity["sub"], identity["nonce"], identity["aud"]) == ("leader", "n1", ["ioc-console"])


def test_a_code_works_once(provider):
    code = code_of(log_in(provider))

    assert exchange(provider, code).status_code == 200
    assert exchange(provider, code).status_code == 400


@pytest.mark.parametrize("verifier", ["w" * 64, None])
def test_a_code_without_its_verifier_is_worthless(provider, verifier):
    assert exchange(provider, code_of(log_in(provider)), verifier).status_code == 400


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://attacker.example/",
        "http://127.0.0.1.attacker.example/",
        "http://127.0.0.1@attacker.example/",
        "javascript:1",
    ],
)
def test_nobody_is_sent_to_another_machine_with_a_code(provider, elsewhere):
    for answer in (log_in(provider, redirect_uri=elsewhere), provider.get(authorize(provider, redirect_uri=elsewhere))):
        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_a_wrong_password_shows_the_page_again_and_gives_no_code(provider):
    answer = provider.post(authorize(provider), data={"username": "leader", "password": "wrong"})

    assert answer.status_code == 401
    assert "Sai tài khoản hoặc mật khẩu" in answer.text


def test_both_pages_say_that_the_provider_is_for_development_only(provider):
    for path in ("/", authorize(provider)):
        assert "Chỉ dùng khi phát triển" in provider.get(path).text


def test_the_discovery_document_names_endpoints_that_exist(provider):
    document = provider.get("/.well-known/openid-configuration").json

    assert document["issuer"] == ISSUER
    assert provider.get(document["jwks_uri"].removeprefix(ISSUER)).json["keys"][0]["alg"] == "RS256"
    assert provider.post(document["token_endpoint"].removeprefix(ISSUER)).status_code == 400


def test_the_key_survives_a_restart_is_private_and_is_not_published(provider, key_file):
    before = ask_by_password(provider).json["access_token"]
    restarted = create_app(Issuer(ISSUER, "ioc", signing_keys(key_file), PASSWORD)).test_client()

    assert claims(restarted, before)["sub"] == "officer"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert "d" not in restarted.get("/jwks").json["keys"][0]

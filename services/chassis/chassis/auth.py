"""Who calls: OIDC bearer tokens of people, API keys of machines, the scopes and the unit that they carry."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import requests
from flask import current_app, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis import audit
from chassis.context import Caller, current, running
from chassis.database import Database, Tx
from chassis.limits import Limits
from chassis.problems import Problem
from chassis.settings import AuthSettings

P = ParamSpec("P")
R = TypeVar("R")
ALGORITHMS = ["RS256", "ES256", "PS256"]  # asymmetric only: a public key must never verify an HMAC
LEEWAY_S = 30
REFETCH_S = 30
KEYS_LIVE_S = 600  # a key that the issuer has withdrawn is believed no longer than this

CREATE_KEY = """
INSERT INTO api_key (prefix, secret_sha256, name, scopes, unit, requests_per_minute, expires_at)
VALUES (%(prefix)s, %(secret_sha256)s, %(name)s, %(scopes)s, %(unit)s, %(requests_per_minute)s, %(expires_at)s)
"""
FIND_KEY = """
SELECT prefix, secret_sha256, name, scopes, unit, requests_per_minute FROM api_key
WHERE prefix = %(prefix)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""
LIST_KEYS = "SELECT prefix, name, scopes, unit, requests_per_minute, created_at, expires_at, revoked_at FROM api_key"
REVOKE_KEY = "UPDATE api_key SET revoked_at = now() WHERE prefix = %(prefix)s AND revoked_at IS NULL RETURNING prefix"


class Refused(Exception):
    """The credentials are not believed; the reason is for the log, the caller only learns that they are not."""


class Tokens:
    """Verifies access tokens (RFC 9068) against the issuer's published keys, which are kept and fetched again when a
    token names one that is not known."""

    def __init__(self, settings: AuthSettings) -> None:
        self.settings = settings
        self.keys: KeySet | None = None
        self.fetched_at = -1e9
        self.lock = threading.Lock()
        self.verified: dict[str, tuple[Caller, float]] = {}
        self.claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    def caller(self, token: str) -> Caller:
        """The person behind a token, or Refused. A token seen before costs a look-up, until it expires."""
        fingerprint = hashlib.sha256(token.encode()).hexdigest()
        known = self.verified.get(fingerprint)
        if known and time.time() < known[1]:
            return known[0]
        claims = self._claims(token)
        caller = Caller(
            subject=str(claims["sub"]),
            role=str(claims.get("role", "user")),
            unit=claims["unit"] if isinstance(claims.get("unit"), str) else None,
            scopes=frozenset(str(claims.get("scope", "")).split()),
        )
        if len(self.verified) > 10_000:
            self.verified.clear()
        self.verified[fingerprint] = (caller, min(claims["exp"] + LEEWAY_S, time.time() + 300))
        return caller

    def _claims(self, token: str) -> dict[str, Any]:
        for attempt in (1, 2):
            try:
                decoded = jwt.decode(token, self._keys(refetch=attempt == 2), algorithms=ALGORITHMS)
                self.claims.validate(decoded.claims)
                return decoded.claims
            except (JoseError, ValueError, KeyError) as error:
                if attempt == 2 or not self._may_be_a_new_key(error):
                    raise Refused(f"{type(error).__name__}: {error}") from None
        raise Refused("unreachable")

    def _may_be_a_new_key(self, error: Exception) -> bool:
        return type(error).__name__ in {"InvalidKeyIdError", "ValueError"} and (
            time.monotonic() - self.fetched_at > REFETCH_S
        )

    def _keys(self, refetch: bool) -> KeySet:
        with self.lock:
            if self.keys is None or refetch or time.monotonic() - self.fetched_at > KEYS_LIVE_S:
                try:
                    answer = requests.get(self.settings.jwks_url, timeout=5)
                    answer.raise_for_status()
                    self.keys = KeySet.import_key_set(answer.json())
                except (requests.RequestException, ValueError) as error:
                    if self.keys is None:
                        raise Problem(503, "Identity provider is away", headers={"Retry-After": "5"}) from error
                self.verified.clear()  # a token may have been signed with a key that is withdrawn now
                self.fetched_at = time.monotonic()
            return self.keys


@dataclasses.dataclass(frozen=True)
class NewKey:
    """An API key as it is shown once: `prefix.secret`."""

    prefix: str
    text: str


def create_key(
    tx: Tx, name: str, scopes: list[str], unit: str | None, requests_per_minute: int | None, expires_at: Any = None
) -> NewKey:
    """Create a machine's key with 256 random bits; only its hash is stored. Audited."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = {
        "prefix": prefix,
        "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "name": name,
        "scopes": scopes,
        "unit": unit,
        "requests_per_minute": requests_per_minute,
        "expires_at": expires_at,
    }
    tx.exec_driver_sql(CREATE_KEY, row)
    audit.record(tx, "api_key.create", f"api_key/{prefix}", after={"name": name, "scopes": scopes, "unit": unit})
    return NewKey(prefix, f"{prefix}.{secret}")


def list_keys(tx: Tx) -> list[dict[str, Any]]:
    """All keys without their hashes."""
    return [dict(row._mapping) for row in tx.exec_driver_sql(LIST_KEYS + " ORDER BY created_at")]


def revoke_key(tx: Tx, prefix: str) -> bool:
    """End a key at once; False when there is no such live key. Audited."""
    revoked = tx.exec_driver_sql(REVOKE_KEY, {"prefix": prefix}).first() is not None
    if revoked:
        audit.record(tx, "api_key.revoke", f"api_key/{prefix}")
    return revoked


class Authenticator:
    """Turns the request's credentials into a Caller, within its rate; repeated refusals lock an address out."""

    def __init__(self, settings: AuthSettings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.tokens = Tokens(settings)
        self.limits = Limits(database)

    def authenticate(self) -> Caller:
        """The caller of the current request. Raises Problem 401 or 429."""
        address = request.remote_addr or "unknown"
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if not credentials:
            raise unauthorized("Credentials are missing")
        try:
            caller, per_minute = self._believe(scheme.lower(), credentials)
        except Refused as refusal:
            self._count_refusal(address, refusal)
            raise unauthorized("Credentials are not valid") from None
        if not self.limits.allow(f"caller:{caller.subject}", per_minute):
            raise Problem(429, "Too many requests", code="rate-limit", headers={"Retry-After": "5"})
        return dataclasses.replace(caller, address=address)

    def _believe(self, scheme: str, credentials: str) -> tuple[Caller, int]:
        if scheme == "bearer":
            return self.tokens.caller(credentials), self.settings.requests_per_minute
        if scheme == "apikey":
            return self._machine(credentials)
        raise Refused(f"unknown scheme {scheme!r}")

    def _machine(self, credentials: str) -> tuple[Caller, int]:
        prefix, _, secret = credentials.partition(".")
        with self.database.transaction() as tx:
            key = tx.exec_driver_sql(FIND_KEY, {"prefix": prefix.replace("\x00", "")}).first()
        given = hashlib.sha256(secret.encode()).hexdigest()
        known = key.secret_sha256 if key else "0" * 64
        if not hmac.compare_digest(given, known) or key is None:
            raise Refused("API key")
        caller = Caller(f"key:{prefix}", role="machine", unit=key.unit, scopes=frozenset(key.scopes))
        return caller, key.requests_per_minute or self.settings.requests_per_minute

    def _count_refusal(self, address: str, refusal: Refused) -> None:
        """TCVN 11930:2017 level 3: failed log-ins are recorded, and too many lock out."""
        bucket, per_minute = f"refused:{address}", self.settings.failures_per_minute
        locked = self.limits.exhausted(bucket, per_minute)
        self.limits.spend(bucket, per_minute)
        if locked:
            raise Problem(429, "Too many refused credentials", code="locked-out", headers={"Retry-After": "60"})
        with self.database.transaction() as tx:
            audit.record(tx, "login", f"address/{address}", result=f"refused: {str(refusal)[:100]}")


def unauthorized(detail: str) -> Problem:
    """401 with the challenge that RFC 6750 asks for."""
    return Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="ioc"'})


def require(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Close a view to callers without `scope`; every view carries this or `public`, and a test finds the one that does
    not."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            caller = current_app.extensions["authenticator"].authenticate()
            if scope not in caller.scopes:
                raise Problem(403, "Forbidden", f"Scope {scope} is needed", code="scope", scope=scope)
            with running(dataclasses.replace(current(), caller=caller)):
                return view(*args, **kwargs)

        guarded.access = scope  # type: ignore[attr-defined]
        documented = getattr(guarded, "_apidoc", {})
        manual = documented.get("manual_doc", {}) | {"security": [{"oidc": [scope]}]}
        guarded._apidoc = documented | {"manual_doc": manual}  # type: ignore[attr-defined]
        return guarded

    return decorate


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that anybody may call; it must show nothing of anybody."""
    view.access = "public"  # type: ignore[attr-defined]
    return view

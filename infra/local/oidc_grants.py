"""Which clients may ask the local OIDC provider for which tokens, and what stands in them; Authlib is the protocol."""

from __future__ import annotations

import dataclasses
import hmac
import time
import urllib.parse
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import OpenIDCode
from flask import Flask
from joserfc.jwk import KeySet

from infra.local.accounts import ACCOUNTS, CLI_CLIENT, CONSOLE_CLIENT, SCOPES, Account

TOKEN_SECONDS = 8 * 3600
CODE_SECONDS = 120
LOOPBACK = ("127.0.0.1", "localhost")
OIDC_SCOPES = ("openid", "profile")


@dataclasses.dataclass(frozen=True)
class Issuer:
    """Who signs, for whom, with which keys, and the password of every demo account."""

    url: str
    audience: str
    keys: KeySet
    password: str

    def log_in(self, login: str, password: str) -> Account | None:
        account = ACCOUNTS.get(login)
        return account if account and hmac.compare_digest(password.encode(), self.password.encode()) else None


@dataclasses.dataclass(frozen=True)
class Client(ClientMixin):
    """A public client: no secret, one grant, and only this machine to be sent back to."""

    client_id: str
    grant_type: str
    response_type: str | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str | None) -> str:
        known = {*SCOPES, *OIDC_SCOPES}
        return " ".join(word for word in (scope or " ".join(SCOPES)).split() if word in known)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        parts = urllib.parse.urlsplit(redirect_uri)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.username and not parts.fragment

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == self.response_type

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == self.grant_type


CLIENTS = {
    CLI_CLIENT: Client(CLI_CLIENT, "password"),
    CONSOLE_CLIENT: Client(CONSOLE_CLIENT, "authorization_code", "code"),
}


def granted(account: Account, asked: str) -> str:
    """The scopes of a token: what was asked for and the account may have."""
    return " ".join(word for word in asked.split() if word in account.scopes or word in OIDC_SCOPES)


class AccessTokens(JWTBearerTokenGenerator):
    """Access tokens as JWTs (RFC 9068) with the claims that the services check: scope, role, unit."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__(issuer.url, expires_generator=lambda client, grant_type: TOKEN_SECONDS)
        self._issuer = issuer

    def get_jwks(self) -> KeySet:
        return self._issuer.keys

    def get_audiences(self, client: Client, user: Account, scope: str) -> str:
        return self._issuer.audience

    def get_extra_claims(self, client: Client, grant_type: str, user: Account, scope: str) -> dict[str, str]:
        return {"name": user.name, "role": user.role, "unit": user.unit}

    def generate(self, grant_type: str, client: Client, user: Account, scope: str | None = None, **others: Any) -> Any:
        allowed = granted(user, client.get_allowed_scope(scope))
        return super().generate(grant_type, client, user, allowed or "openid", **others)

    def __call__(self, grant_type: str, client: Client, user: Account, scope: str | None = None, **others: Any) -> Any:
        return self.generate(grant_type, client, user, scope, **others)


@dataclasses.dataclass(frozen=True)
class Code(AuthorizationCodeMixin):
    """A log-in that waits to be exchanged for a token, once, by the client that began it."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    login: str
    code_challenge: str | None
    code_challenge_method: str | None
    made_at: int

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.made_at

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> list[str]:
        return ["pwd"]


def register(app: Flask, issuer: Issuer) -> AuthorizationServer:
    """An authorization server with the two grants: password for the command line, code with PKCE for the browser."""
    server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=lambda token, request: None)
    server.register_token_generator("default", AccessTokens(issuer))
    server.register_grant(_password_grant(issuer))
    server.register_grant(_code_grant(), [IdTokens(issuer), CodeChallenge(required=True)])
    return server


def _password_grant(issuer: Issuer) -> type[grants.ResourceOwnerPasswordCredentialsGrant]:
    class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

        def authenticate_user(self, username: str, password: str) -> Account | None:
            return issuer.log_in(username, password)

    return PasswordGrant


def _code_grant() -> type[grants.AuthorizationCodeGrant]:
    codes: dict[str, Code] = {}

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            asked = request.payload.data
            codes[code] = Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=asked.get("nonce"),
                login=request.user.login,
                code_challenge=asked.get("code_challenge"),
                code_challenge_method=asked.get("code_challenge_method"),
                made_at=int(time.time()),
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            kept = codes.get(code)
            fresh = kept and kept.client_id == client.client_id and time.time() - kept.made_at < CODE_SECONDS
            return kept if fresh else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Code) -> Account | None:
            return ACCOUNTS.get(authorization_code.login)

    return CodeGrant


class IdTokens(OpenIDCode):
    """Who logged in, for the browser application."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__(require_nonce=False)
        self._issuer = issuer

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False  # a development provider remembers no nonces

    def resolve_client_private_key(self, client: Client) -> KeySet:
        return self._issuer.keys

    def get_client_algorithm(self, client: Client) -> str:
        return "RS256"

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self._issuer.keys.keys[0].kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._issuer.url, "aud": [client.client_id], "exp": int(time.time()) + TOKEN_SECONDS}

    def generate_user_info(self, user: Account, scope: str) -> dict[str, str]:
        return {"sub": user.login, "name": user.name, "role": user.role, "unit": user.unit}

"""A local OIDC provider with demo accounts, for development only: JWT access tokens, password grant, code with PKCE."""

from __future__ import annotations

import json
import os
import urllib.parse
from pathlib import Path

from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, render_template, request
from joserfc.jwk import KeySet, RSAKey

from infra.local.accounts import ACCOUNTS, CLI_CLIENT, CONSOLE_CLIENT, SCOPES
from infra.local.oidc_grants import LOOPBACK, OIDC_SCOPES, Issuer, register
from infra.local.pages import application, serve


def create_app(issuer: Issuer) -> Flask:
    """The provider's pages and endpoints."""
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback only
    app = application(__name__)
    server = register(app, issuer)

    @app.get("/")
    def about() -> str:
        return render_template("oidc.html", accounts=ACCOUNTS.values(), issuer=issuer.url, cli=CLI_CLIENT)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> dict[str, object]:
        return _discovery(issuer.url)

    @app.get("/jwks")
    def jwks() -> dict[str, object]:
        return dict(issuer.keys.as_dict(private=False))

    @app.post("/token")
    def token() -> Response:
        return server.create_token_response()

    @app.get("/authorize")
    def login() -> tuple[str, int]:
        try:
            grant = server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return render_template("oidc_error.html", error=error.get_error_description() or error.error), 400
        return render_template(
            "oidc_login.html", accounts=ACCOUNTS.values(), client=grant.client.client_id, wrong=False
        ), 200

    @app.post("/authorize")
    def authorize() -> Response | tuple[str, int]:
        account = issuer.log_in(request.form.get("username", ""), request.form.get("password", ""))
        try:
            grant = server.get_consent_grant(end_user=account)
        except OAuth2Error as error:
            return render_template("oidc_error.html", error=error.get_error_description() or error.error), 400
        if account is None:
            page = render_template(
                "oidc_login.html", accounts=ACCOUNTS.values(), client=grant.client.client_id, wrong=True
            )
            return page, 401
        return server.create_authorization_response(grant=grant, grant_user=account)

    @app.after_request
    def allow_the_console(response: Response) -> Response:
        """Browser applications of this machine exchange their code and read the keys from their own origin."""
        origin = request.headers.get("Origin", "")
        if urllib.parse.urlsplit(origin).hostname in LOOPBACK and request.path != "/authorize":
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Vary"] = "Origin"
        return response

    return app


def _discovery(issuer: str) -> dict[str, object]:
    """OpenID Connect Discovery 1.0, section 3."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "password"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [*OIDC_SCOPES, *SCOPES],
        "claims_supported": ["sub", "name", "role", "unit", "scope"],
    }


def signing_keys(path: Path) -> KeySet:
    """The provider's key pair: made once, readable by its owner only, so that a restart keeps tokens valid."""
    if not path.exists():
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, private=True, auto_kid=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(key.as_dict(private=True), file)
    return KeySet([RSAKey.import_key(json.loads(path.read_text()))])


def main() -> None:
    issuer = Issuer(
        url=os.environ["OIDC_ISSUER"],
        audience=os.environ["OIDC_AUDIENCE"],
        keys=signing_keys(Path(os.environ["OIDC_KEY_FILE"])),
        password=os.environ["OIDC_PASSWORD"],
    )
    print(f"development OIDC provider for {CONSOLE_CLIENT} and {CLI_CLIENT} at {issuer.url}", flush=True)
    serve(create_app(issuer), int(os.environ["HTTP_PORT"]))


if __name__ == "__main__":
    main()

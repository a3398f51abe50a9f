"""An OIDC issuer of the tests' own: keys that can be rotated, tokens with any claim, a JWKS document over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

AUDIENCE = "ioc"


class Issuer:
    """Signs with the newest key; publishes all that are not withdrawn."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})]
        self.fetched = 0
        self.away = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetched += 1
                body = json.dumps(KeySet(issuer.keys).as_dict(private=False)).encode()  # type: ignore[arg-type]
                self.send_response(503 if issuer.away else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = f"{self.url}/jwks"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What a web process is told about this issuer."""
        return {"OIDC_ISSUER": self.url, "OIDC_AUDIENCE": AUDIENCE, "OIDC_JWKS_URL": self.jwks_url}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Sound claims, with changes; None leaves one out."""
        now = int(time.time())
        sound = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "officer-1",
            "exp": now + 300,
            "iat": now,
            "role": "officer",
            "unit": "H48.01",
            "scope": "things:read things:write events:read dead:manage",
        }
        return {name: value for name, value in (sound | changed).items() if value is not None}

    def token(self, key: RSAKey | None = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """A token signed by the newest key, or by `key`."""
        signer = key or self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": signer.kid, **(header or {})}, self.claims(**changed), signer)

    def unsigned(self) -> str:
        """`alg: none`, the oldest trick."""
        return ".".join([b64({"alg": "none", "kid": "first"}), b64(self.claims()), ""])

    def confused(self) -> str:
        """An HMAC keyed with the public key, for verifiers that let the token choose the algorithm."""
        signed = ".".join([b64({"alg": "HS256", "kid": "first"}), b64(self.claims())])
        pem = self.keys[0].as_pem(private=False)
        mac = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def foreign_key(self, kid: str = "first") -> RSAKey:
        """A key that was never published."""
        return RSAKey.generate_key(2048, {"kid": kid})

    def rotate(self, withdraw: bool) -> RSAKey:
        """Publish a new key; the one before stays published or not. Returns the one before."""
        old = self.keys[-1]
        new = RSAKey.generate_key(2048, {"kid": f"key-{len(self.keys)}-{time.time_ns()}", "use": "sig"})
        self.keys = [new] if withdraw else [*self.keys, new]
        return old


def b64(value: Any) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

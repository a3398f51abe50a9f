"""Plays the identity provider for the measured web process: one key, its JWKS on loopback, one token."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "bench"


@dataclass(frozen=True)
class Identity:
    issuer: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        return {"OIDC_ISSUER": self.issuer, "OIDC_AUDIENCE": AUDIENCE, "OIDC_JWKS_URL": f"{self.issuer}/jwks"}


@contextmanager
def provider(scope: str) -> Iterator[Identity]:
    """Serve until the end of the block; the token holds `scope` for all units, for an hour."""
    key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
    keys = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Jwks(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, format: str, *args: object) -> None:
            """No news."""

    server = HTTPServer(("127.0.0.1", 0), Jwks)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    issuer = f"http://127.0.0.1:{server.server_port}"
    now = int(time.time())
    claims = {"iss": issuer, "aud": AUDIENCE, "sub": "bench", "iat": now, "exp": now + 3600,
              "role": "officer", "unit": "*", "scope": scope}  # fmt: skip
    try:
        yield Identity(issuer, jwt.encode({"alg": "RS256", "kid": "bench"}, claims, key))
    finally:
        server.shutdown()
        server.server_close()

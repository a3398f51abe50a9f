"""Addresses of living pictures: short-lived, good for one viewer only, with nothing secret in them but their signature."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac

SHORTEST_KEY = 32
COOKIE = "ioc_viewer"


class AddressNotGood(PermissionError):
    """Expired, of another viewer, or changed; which of them is not said."""


@dataclasses.dataclass(frozen=True)
class Grant:
    """One viewer may see one camera until `expires_s` (seconds since 1970); `id` names the viewing in the audit."""

    id: str
    camera_id: str
    viewer: str
    expires_s: int


class Signer:
    """Signs with HMAC-SHA256. The viewer is in the signature, not in the address: who asks must prove to be that viewer,
    by a bearer token or by the cookie that was set when the address was given out."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"LIVE_KEY: at least {SHORTEST_KEY} random characters")
        self._key = key.encode()

    def sign(self, grant: Grant) -> str:
        """The signature of a grant, as it stands in the address."""
        return self._mac("view", grant.id, grant.camera_id, grant.viewer, str(grant.expires_s))

    def check(self, grant: Grant, signature: str, now_s: float) -> None:
        """Raises AddressNotGood."""
        good = hmac.compare_digest(self.sign(grant).encode(), signature.encode())
        if not good or now_s >= grant.expires_s:
            raise AddressNotGood("address")

    def cookie(self, viewer: str, expires_s: int) -> str:
        """A cookie that proves who the viewer is, to this service only, until it expires."""
        name = base64.urlsafe_b64encode(viewer.encode()).decode()
        return f"{name}.{expires_s}.{self._mac('viewer', viewer, str(expires_s))}"

    def viewer_of(self, cookie: str, now_s: float) -> str | None:
        """Who the cookie says that the viewer is; None for one that is not good."""
        try:
            name, expires_s, mac = cookie.split(".")
            viewer = base64.urlsafe_b64decode(name).decode()
            good = hmac.compare_digest(self._mac("viewer", viewer, expires_s).encode(), mac.encode())
            return viewer if good and now_s < int(expires_s) else None
        except ValueError:
            return None

    def _mac(self, *parts: str) -> str:
        text = "\n".join(f"{len(part)}:{part}" for part in parts)
        return base64.urlsafe_b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode().rstrip("=")

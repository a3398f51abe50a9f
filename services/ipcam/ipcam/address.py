"""A camera's address and its credentials, kept apart, and joined only in memory at the moment FFmpeg needs them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]*@")


class AddressRefused(ValueError):
    """The address cannot be used; the message names the field and the rule and holds no credentials."""


@dataclass(frozen=True)
class Source:
    """One stream to read. `url` never holds credentials; `transport` is tcp or udp. The password is in no repr."""

    camera_id: str
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: str = "tcp"

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.transport not in ("tcp", "udp"):
            raise AddressRefused("transport: tcp or udp")

    def secret_url(self) -> str:
        """The URL with credentials, percent-encoded: for libavformat's ears only, it takes them no other way."""
        if not self.username:
            return self.url
        userinfo = quote(self.username, safe="") + ":" + quote(self.password or "", safe="")
        scheme, rest = self.url.split("://", 1)
        return f"{scheme}://{userinfo}@{rest}"


def check_url(url: str) -> str:
    """The URL, if it is rtsp(s) with a host and without credentials. Raises AddressRefused."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("rtsp_url: not a URL") from None
    if parts.scheme not in ("rtsp", "rtsps") or not host:
        raise AddressRefused("rtsp_url: must be rtsp://host/path or rtsps://host/path")
    if "@" in parts.netloc:
        raise AddressRefused("rtsp_url: credentials belong in username and password, never in the address")
    if any(ord(c) < 33 or ord(c) > 126 for c in url):
        raise AddressRefused("rtsp_url: spaces and non-ASCII letters must be percent-encoded")
    return url


def scrub(text: str) -> str:
    """The text with the credentials of every URL in it struck out."""
    return _USERINFO.sub(r"\1***@", text)

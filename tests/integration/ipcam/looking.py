"""Looks at living pictures as a browser does: a token once, then the cookie, the playlist and its pieces."""

from __future__ import annotations

import http.client
import io
from typing import Any

import av

from tests.integration.ipcam.watching import World

LOOK = ["camera:read", "camera:view"]


class Browser:
    """Asks the live process, with a token and with the cookies that it was given."""

    def __init__(self, world: World, port: int, unit: str = "H52") -> None:
        self.world, self.port = world, port
        world.call("GET", "/v1/sites", unit=unit, scopes=LOOK)
        self.key = world.keys[(unit, *LOOK)]
        self.cookie = ""

    def __call__(self, method: str, path: str, token: bool = True) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = (self.key if token else {}) | ({"Cookie": self.cookie} if self.cookie else {})
        connection.request(method, path.removeprefix(f"http://127.0.0.1:{self.port}"), headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if sent := answer.getheader("Set-Cookie"):
            self.cookie = sent.split(";")[0]
            assert "HttpOnly" in sent and "SameSite=Strict" in sent
        connection.close()
        return answer.status, body


def first_picture(viewer: Browser, address: str) -> tuple[Any, str]:
    """The first frame (PyAV) of the living picture whose playlist is at `address`, and the address of the piece that holds it.

    As a player asks: with the cookie, and no token."""
    status, playlist = viewer("GET", address, token=False)
    assert status == 200, playlist
    names = [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]
    head = viewer("GET", address.replace("index.m3u8", "init.mp4"), token=False)[1]
    piece = address.replace("index.m3u8", names[0])
    with av.open(io.BytesIO(head + viewer("GET", piece, token=False)[1])) as seen:
        assert seen.streams.video[0].codec_context.name == "h264"
        return next(seen.decode(video=0)), piece

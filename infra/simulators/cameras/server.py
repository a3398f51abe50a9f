"""Serves the clips as RTSP cameras through Debian's gst-rtsp-server; needs /usr/bin/python3 with python3-gi (see packages.txt)."""

from __future__ import annotations

import ctypes
import heapq
import secrets
import socket
import struct
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

from infra.simulators.cameras import faults  # noqa: E402
from infra.simulators.cameras.feeds import FPS, STREAMS, Camera, Clips, Feed  # noqa: E402

SO_ATTACH_FILTER = 26


class Factory(GstRtspServer.RTSPMediaFactory):
    """Builds the pipeline of one stream when the first client asks for it."""

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self.set_shared(True)
        self.set_latency(0)
        self.set_suspend_mode(GstRtspServer.RTSPSuspendMode.NONE)

    def do_create_element(self, url: Any) -> Any:
        camera = self._feed.camera
        kind, pay = ("video/x-h264", "rtph264pay") if camera.codec == "h264" else ("video/x-h265", "rtph265pay")
        parse = "h264parse" if camera.codec == "h264" else "h265parse"
        source = "appsrc is-live=true format=time do-timestamp=false max-bytes=0 block=false"
        line = (
            f"( {source} name=video caps={kind},stream-format=byte-stream,alignment=au "
            f"! {parse} ! {pay} name=pay0 pt=96 config-interval=-1"
        )
        if camera.audio:
            line += f" {source} name=audio caps=audio/x-alaw,rate=8000,channels=1 ! rtppcmapay name=pay1 pt=8"
        return Gst.parse_launch(line + " )")

    def do_configure(self, media: Any) -> None:
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        element = media.get_element()
        self._feed.open(element.get_by_name("video"), element.get_by_name("audio"))
        media.connect("unprepared", lambda _media: self._feed.close())


class Cameras:
    """All cameras of one server: starts them, knows their clients, and breaks them on command."""

    def __init__(self, host: str, port: int, cameras: list[Camera], clips: Clips, auth: str) -> None:
        self.by_id = {camera.id: camera for camera in cameras}
        self.clips, self.host, self.port = clips, host, port
        self._clients: dict[Any, str] = {}
        self._lock = threading.Lock()
        self._server = GstRtspServer.RTSPServer(address=host, service=str(port))
        self._server.set_backlog(256)
        self._auth = self._make_auth(cameras, auth) if auth != "none" else None
        self._digest = auth == "digest"
        if self._auth is not None:
            self._server.set_auth(self._auth)
        self._server.connect("client-connected", self._on_client)
        self.feeds = [Feed(camera, stream, clips) for camera in cameras for stream in STREAMS]
        for feed in self.feeds:
            self._mount(feed)

    def _make_auth(self, cameras: list[Camera], kind: str) -> Any:
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST if kind == "digest" else GstRtsp.RTSPAuthMethod.BASIC)
        for camera in cameras:
            self._allow(auth, camera, camera.password, kind == "digest")
        return auth

    def _allow(self, auth: Any, camera: Camera, password: str, digest: bool) -> None:
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, camera.id)
        if digest:
            auth.remove_digest(camera.id)
            auth.add_digest(camera.id, password, token)
        else:
            auth.remove_basic(self._basic.get(camera.id, "")) if hasattr(self, "_basic") else setattr(
                self, "_basic", {}
            )
            self._basic[camera.id] = GstRtspServer.RTSPAuth.make_basic(camera.id, password)
            auth.add_basic(self._basic[camera.id], token)

    def _mount(self, feed: Feed) -> None:
        factory = Factory(feed)
        if self._auth is not None:
            factory.add_role_from_structure(
                Gst.Structure.new_from_string(
                    f"{feed.camera.id},media.factory.access=true,media.factory.construct=true"
                )
            )
        self._server.get_mount_points().add_factory(f"/{feed.camera.id}/{feed.stream}", factory)

    def _on_client(self, _server: Any, client: Any) -> None:
        client.connect("pre-describe-request", self._on_describe)
        client.connect("closed", lambda gone: self._clients.pop(gone, None))

    def _on_describe(self, client: Any, context: Any) -> Any:
        camera_id = context.uri.abspath.strip("/").split("/")[0]
        camera = self.by_id.get(camera_id)
        self._clients[client] = camera_id
        if camera and camera.fault == "half-open":
            _deafen(client)
        if camera and camera.fault == "drop":
            GLib.idle_add(_hang_up, client)
            return GstRtsp.RTSPStatusCode.SERVICE_UNAVAILABLE
        return GstRtsp.RTSPStatusCode.OK

    def _of(self, camera: Camera) -> list[Any]:
        return [client for client, camera_id in list(self._clients.items()) if camera_id == camera.id]

    def clients(self, camera: Camera) -> int:
        """How many connections the camera has."""
        return len(self._of(camera))

    def command(self, camera_id: str, fault: str | None) -> Camera:
        """Breaks or mends a camera. Raises KeyError (no such camera) and ValueError (no such fault)."""
        camera = self.by_id[camera_id]
        if fault is not None and fault not in faults.ALL:
            raise ValueError(fault)
        if fault in faults.PICTURE:
            self.clips.prepare(self.clips.name(camera, "sub", fault))
        with self._lock:
            if fault in faults.PICTURE:
                for feed in self.feeds:
                    if feed.camera is camera and feed.stream == "main" and feed.video is not None:
                        self.clips.prepare_later(self.clips.name(camera, "main", fault))
            was, camera.fault, camera.since = camera.fault, fault, time.time()
            if self._auth is not None and "wrong-password" in (was, fault):
                self._allow(self._auth, camera, secrets.token_hex(8) if fault else camera.password, self._digest)
            if fault == "half-open":
                for client in self._of(camera):
                    _deafen(client)
            elif fault in ("drop", "wrong-password") or was == "half-open":
                for client in self._of(camera):
                    GLib.idle_add(_hang_up, client)
        return camera

    def start(self) -> None:
        """Listens and begins to push; returns at once."""
        if self._server.attach(None) == 0:
            raise OSError(f"cannot listen on {self.host}:{self.port}")
        threading.Thread(target=self._push, name="frames", daemon=True).start()

    def _push(self) -> None:
        """One thread wakes for each frame of each watched stream; streams are spread over the frame time."""
        start = time.monotonic()
        due = [(start + index / len(self.feeds) / FPS[feed.stream], index) for index, feed in enumerate(self.feeds)]
        heapq.heapify(due)
        while True:
            at, index = due[0]
            wait = at - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.feeds[index].tick()
            heapq.heapreplace(due, (max(at, time.monotonic() - 1.0) + 1 / FPS[self.feeds[index].stream], index))


def _hang_up(client: Any) -> bool:
    """Ends the client's TCP connection and lets the server find that out: its own `close` leaves a source that spins for ever."""
    connection = client.get_connection()
    read_socket = connection.get_read_socket() if connection else None
    if read_socket is not None and not read_socket.is_closed():
        read_socket.shutdown(True, True)
    return False


def _deafen(client: Any) -> None:
    """Makes the client's TCP connection half-open: the kernel drops what arrives, so that nothing is acknowledged and nothing is closed."""
    connection = client.get_connection()
    descriptor = connection.get_read_socket().get_fd()
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes of every packet
    with socket.socket(fileno=socket.dup(descriptor)) as handle:
        handle.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(code)))

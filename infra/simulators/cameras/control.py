"""The HTTP side of the simulated cameras: a control API that breaks and mends them, and their ONVIF device service."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.simulators.cameras import faults
from infra.simulators.cameras.onvif import TAMPERED, TAMPERING


def serve(host: str, port: int, cameras: Any, onvif: Any) -> ThreadingHTTPServer:
    """A server (not yet serving) of `GET /cameras`, `GET /faults`, `PUT|DELETE /cameras/<id>/fault`,
    `PUT /cameras/<id>/motion` (an ONVIF event), `POST /onvif/<id>/<service>`."""
    handler = type("Handler", (_Handler,), {"cameras": cameras, "onvif": onvif})
    return ThreadingHTTPServer((host, port), handler)


class _Handler(BaseHTTPRequestHandler):
    cameras: Any
    onvif: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/faults":
            return self._answer(200, {"picture": faults.PICTURE, "wire": faults.WIRE, "clock": faults.CLOCK})
        if self.path == "/cameras":
            return self._answer(200, [self._state(camera) for camera in self.cameras.by_id.values()])
        return self._answer(404, {"error": "no such path"})

    def do_PUT(self) -> None:
        try:
            asked = json.loads(self._body() or b"{}")
        except ValueError:
            return self._answer(422, {"error": "not JSON"})
        parts = self.path.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "cameras" and parts[1] in self.cameras.by_id and parts[2] == "motion":
            self.onvif.notify(parts[1], "VideoSource/MotionAlarm", "State", bool(asked.get("moving")))
            return self._answer(200, {"id": parts[1], "moving": bool(asked.get("moving"))})
        return self._command(str(asked.get("fault", "")))

    def do_DELETE(self) -> None:
        self._command(None)

    def do_POST(self) -> None:
        parts = self.path.strip("/").split("/")
        body = self._body()
        if len(parts) < 3 or parts[0] != "onvif" or parts[1] not in self.cameras.by_id:
            return self._answer(404, {"error": "no such path"})
        status, text = self.onvif.answer(self.cameras.by_id[parts[1]], parts[2], body, self.headers.get("Host", ""))
        return self._send(status, "application/soap+xml; charset=utf-8", text.encode())

    def _command(self, fault: str | None) -> None:
        parts = self.path.strip("/").split("/")
        if len(parts) != 3 or parts[0] != "cameras" or parts[2] != "fault":
            return self._answer(404, {"error": "PUT or DELETE /cameras/<id>/fault"})
        try:
            camera = self.cameras.command(parts[1], fault)
            self.onvif.notify(camera.id, TAMPERED, "IsTamper", fault in TAMPERING)
            return self._answer(200, self._state(camera))
        except KeyError:
            return self._answer(404, {"error": "no such camera", "cameras": list(self.cameras.by_id)})
        except ValueError:
            return self._answer(422, {"error": "no such fault", "faults": faults.ALL})

    def _state(self, camera: Any) -> dict[str, Any]:
        base = f"rtsp://{self.cameras.host}:{self.cameras.port}/{camera.id}"
        return {
            "id": camera.id,
            "place": camera.place,
            "condition": camera.condition,
            "codec": camera.codec,
            "audio": camera.audio,
            "fault": camera.fault,
            "since": camera.since,
            "clients": self.cameras.clients(camera),
            "subscriptions": self.onvif.subscriptions[camera.id],
            "username": camera.id,
            "rtsp": {"main": f"{base}/main", "sub": f"{base}/sub"},
            "onvif": f"http://{self.headers.get('Host', '')}/onvif/{camera.id}/device_service",
        }

    def _body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1_000_000))

    def _answer(self, status: int, data: Any) -> None:
        self._send(status, "application/json", json.dumps(data, ensure_ascii=False).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the simulator's output is read by the local stack."""

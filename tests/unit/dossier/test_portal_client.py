"""What the client makes of a portal's answers: refusals in HTTP 200, ended sessions, garbage, silence, floods, redirects."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from dossier.portal_client import Answer, Meaning, Portal
from dossier.settings import PortalSettings

Reply = tuple[int, bytes]
SESSION = "0123456789abcdef-secret"
ENTERED = (200, json.dumps({"error_code": 0, "session": SESSION}).encode())


class Server(ThreadingHTTPServer):
    """A server that keeps many callers waiting rather than turn them away."""

    request_queue_size = 64
    daemon_threads = True


class Script:
    """A server that answers log-ins and calls as a test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.login: Callable[[], Reply] = lambda: ENTERED
        self.call: Callable[[dict[str, Any]], Reply] = lambda body: (200, b'{"error_code": "0"}')
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.dribble_s = 0.0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.asked.append((handler.path, body))
        status, content = self.login() if handler.path == "/mapi/login" else self.call(body)
        handler.send_response(status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for at in range(0, len(content), 1 if self.dribble_s else len(content) or 1):
            handler.wfile.write(content[at : at + 1] if self.dribble_s else content)
            time.sleep(self.dribble_s)

    @property
    def logins(self) -> int:
        return sum(path == "/mapi/login" for path, _ in self.asked)


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with contextlib.suppress(OSError):  # the client went away, as it should
                script.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    script.port = server.server_address[1]  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield script
    server.shutdown()
    server.server_close()


@pytest.fixture
def portal(script: Script) -> Portal:
    url = f"http://127.0.0.1:{script.port}"  # type: ignore[attr-defined]
    return Portal(PortalSettings(url=url, username="ioc", password="pass-word", agency="H52", timeout_s=1.5))


def said(**what: Any) -> Callable[[dict[str, Any]], Reply]:
    return lambda body: (200, json.dumps(what, ensure_ascii=False).encode())


def test_a_call_carries_session_agency_and_service(script: Script, portal: Portal) -> None:
    assert portal.call("TraCuuHoSo", mahoso="x").meaning is Meaning.DONE
    assert script.asked[-1] == (
        "/mapi/g",
        {"session": SESSION, "madonvi": "H52", "service": "TraCuuHoSo", "mahoso": "x"},
    )
    portal.call("TraCuuHoSo", mahoso="y")
    assert script.logins == 1, "one session serves many calls"


@pytest.mark.parametrize("code", [0, "0", " 0 "])
def test_success_is_error_code_0_as_a_text_or_a_number(script: Script, portal: Portal, code: Any) -> None:
    script.call = said(error_code=code)
    assert portal.call("X").meaning is Meaning.DONE


@pytest.mark.parametrize("code", [-3, "-3", 3, "", None, "00x"])
def test_anything_else_in_http_200_is_a_refusal(script: Script, portal: Portal, code: Any) -> None:
    script.call = said(error_code=code, message="Hồ sơ ĐÃ TỒN TẠI")
    answer = portal.call("X")
    assert answer.meaning is Meaning.REFUSED
    assert answer.says("đã tồn tại")


def test_a_byte_order_mark_does_not_make_an_answer_unreadable(script: Script, portal: Portal) -> None:
    script.call = lambda body: (200, b'\xef\xbb\xbf{"error_code": 0}')
    assert portal.call("X").meaning is Meaning.DONE


def test_an_ended_session_is_renewed_once_and_the_call_made_again(script: Script, portal: Portal) -> None:
    expired = iter([True])
    script.call = lambda body: (
        said(error_code=-1, message="Phiên làm việc đã hết hạn") if next(expired, False) else said(error_code="0")
    )(body)
    assert portal.call("X").meaning is Meaning.DONE
    assert [path for path, _ in script.asked] == ["/mapi/login", "/mapi/g", "/mapi/login", "/mapi/g"]


def test_sessions_that_never_hold_are_no_loop(script: Script, portal: Portal) -> None:
    script.call = said(error_code=-1, message="Invalid session")
    assert portal.call("X").meaning is Meaning.UNCLEAR, "one dossier's refusal that sounds so must not stop the others"
    assert len(script.asked) == 4


def test_of_many_threads_that_find_the_session_ended_one_logs_in(script: Script, portal: Portal) -> None:
    portal.call("X")
    ended = {SESSION}
    script.login = lambda: (200, b'{"error_code": 0, "session": "another"}')
    script.call = lambda body: said(error_code=-1, message="session")(body) if body["session"] in ended else ENTERED
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(portal.call("X"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.meaning for answer in answers] == [Meaning.DONE] * 8
    assert script.logins == 2


def test_a_wrong_password_means_nobody_gets_in_not_that_the_dossier_is_wrong(script: Script, portal: Portal) -> None:
    script.login = lambda: (200, json.dumps({"error_code": "-3", "message": "Sai mật khẩu"}).encode())
    assert portal.call("X").meaning is Meaning.AWAY
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("status", "content", "meaning"),
    [
        (500, b"<html>", Meaning.UNCLEAR),
        (500, b'{"error_code": "0"}', Meaning.UNCLEAR),
        (502, b"", Meaning.UNCLEAR),
        (503, b"", Meaning.UNCLEAR),
        (200, b"", Meaning.UNCLEAR),
        (200, b"[1]", Meaning.UNCLEAR),
        (200, b"\xff\xfe\x00", Meaning.UNCLEAR),
        (200, b"[" * 100_000, Meaning.UNCLEAR),
        (400, b"no", Meaning.REFUSED),
        (404, b"no", Meaning.AWAY),
        (429, b"", Meaning.AWAY),
    ],
)
def test_answers_that_are_none(script: Script, portal: Portal, status: int, content: bytes, meaning: Meaning) -> None:
    script.call = lambda body: (status, content)
    assert portal.call("X").meaning is meaning


def test_a_redirect_is_not_followed_with_everybodys_data(script: Script, portal: Portal) -> None:
    script.headers = {"Location": "http://127.0.0.1:9/elsewhere"}
    script.call = lambda body: (307, b"")
    assert portal.call("X").meaning is Meaning.AWAY


def test_an_endless_answer_is_cut_off(script: Script, portal: Portal) -> None:
    script.call = lambda body: (200, b" " * (9 * 1024 * 1024))
    assert portal.call("X") == Answer(Meaning.UNCLEAR, "timeout", "no answer in time")


def test_an_answer_that_drips_is_cut_off(script: Script, portal: Portal) -> None:
    portal.call("X")
    script.dribble_s = 0.1
    script.call = lambda body: (200, b'{"error_code": "0"}' + b" " * 1000)
    started = time.monotonic()
    assert portal.call("X").meaning is Meaning.UNCLEAR
    assert time.monotonic() - started < 5


def test_who_cannot_be_reached_is_away(portal: Portal) -> None:
    closed = Portal(dataclasses.replace(portal.settings, url="http://127.0.0.1:9"))
    assert closed.call("X").meaning is Meaning.AWAY


def test_what_the_portal_says_is_bounded_and_carries_no_session_and_no_number(script: Script, portal: Portal) -> None:
    script.call = said(error_code=-3, message=f"CCCD 014085000123 của an@example.vn, mã {SESSION} " + "x" * 10_000)
    answer = portal.call("X")
    assert answer.meaning is Meaning.REFUSED
    assert len(answer.reason) <= 500
    assert not any(secret in answer.reason for secret in (SESSION, "014085000123", "an@example.vn"))


def test_the_password_is_in_no_picture_of_the_settings(portal: Portal) -> None:
    assert "pass-word" not in repr(portal.settings)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "portal.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def test_a_certificate_that_nobody_vouches_for_is_told_nothing(certificate: Path) -> None:
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(ENTERED[1])))
            self.end_headers()
            self.wfile.write(ENTERED[1])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}"
    options = PortalSettings(url=url, username="ioc", password="pass-word", agency="H52", timeout_s=2)
    try:
        assert Portal(options).call("X").meaning is Meaning.AWAY
        assert told == []
        trusting = dataclasses.replace(options, ca_file=str(certificate))
        assert Portal(trusting).call("X").meaning is Meaning.DONE
    finally:
        server.shutdown()
        server.server_close()

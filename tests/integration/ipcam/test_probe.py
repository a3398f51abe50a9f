"""A camera is asked once, before it is saved."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

import pytest

from ipcam.address import Source
from ipcam.media import CameraUnavailable, opened
from ipcam.probe import probe
from tests.integration.ipcam.simulated import PASSWORD, Cameras


@contextmanager
def listening(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that gives one answer to everything (or none at all) and keeps what it was asked."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    while data := client.recv(65536):
                        heard.append(data)
                        if answer is not None:
                            cseq = data.split(b"CSeq: ")[1].split(b"\r\n")[0] if b"CSeq: " in data else b"1"
                            client.sendall(answer.replace(b"$CSEQ", cseq))

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("number", "stream", "transport", "expected"),
    [
        (1, "sub", "tcp", ("h264", 640, 360, 10.0)),
        (2, "main", "udp", ("h264", 1280, 720, 12.0)),
        (5, "sub", "tcp", ("h265", 640, 360, 10.0)),
    ],
)
def test_a_camera_that_answers_says_what_it_sends(
    cameras: Cameras, number: int, stream: str, transport: str, expected: tuple[object, ...]
) -> None:
    found = probe(cameras.url(number, stream), f"cam-{number:03d}", PASSWORD, 10, transport)
    assert found.ok and found.reason is None
    assert (found.codec, found.width, found.height, found.fps) == expected
    assert found.latency_ms is not None and found.latency_ms < 10_000


def test_frames_are_counted_by_arrival(cameras: Cameras) -> None:
    cameras.command(3, "slow")
    found = probe(cameras.url(3), "cam-003", PASSWORD, 10)
    assert found.ok and found.fps == 10.0
    assert found.measured_fps is not None and found.measured_fps < 6


def test_sound_is_seen(cameras: Cameras) -> None:
    assert probe(cameras.url(4), "cam-004", PASSWORD, 10).audio
    assert not probe(cameras.url(3), "cam-003", PASSWORD, 10).audio


def test_each_way_of_not_answering_has_its_own_reason(cameras: Cameras) -> None:
    assert probe(cameras.url(3), "cam-003", "wrong", 5).reason == "wrong_password"
    assert probe(cameras.url(3), None, None, 5).reason == "wrong_password"
    assert probe(f"rtsp://127.0.0.1:{cameras.port}/cam-099/sub", "cam-003", PASSWORD, 5).reason == "not_found"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert probe(f"rtsp://127.0.0.1:{unused.getsockname()[1]}/x", "u", "p", 5).reason == "refused"
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _):
        assert probe(f"rtsp://127.0.0.1:{port}/x", "u", "p", 2).reason in ("no_answer", "timeout", "closed")


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with listening(None) as (port, _):
        began = time.monotonic()
        assert probe(f"rtsp://127.0.0.1:{port}/x", "u", "p", 1.0).reason == "timeout"
        assert time.monotonic() - began < 5


def test_a_camera_with_sound_and_no_picture_has_no_video(cameras: Cameras) -> None:
    cameras.command(4, "audio-only")
    assert probe(cameras.url(4), "cam-004", PASSWORD, 3).ok is False


def test_a_half_open_camera_is_given_up_in_time(cameras: Cameras) -> None:
    cameras.command(3, "half-open")
    began = time.monotonic()
    assert probe(cameras.url(3), "cam-003", PASSWORD, 2).ok is False
    assert time.monotonic() - began < 12


def test_the_password_is_in_no_error_log_or_output(
    cameras: Cameras, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg's errors quote the URL with the password in it; they must not survive in any part of ours."""
    caplog.set_level(logging.DEBUG)
    secret = "Bí mật:9@"
    for source in (
        cameras.source(3, password=secret),
        Source("x", "rtsp://127.0.0.1:1/x", "u", secret),
        Source("x", f"rtsp://127.0.0.1:{cameras.port}/none", "cam-003", secret),
    ):
        with pytest.raises(CameraUnavailable) as raised, opened(source, 3, 3):
            pass
        error = raised.value
        seen = (
            "".join(traceback.format_exception(error))
            + repr(vars(error))
            + repr(error.__cause__)
            + repr(error.__context__)
        )
        assert error.__context__ is None
        assert secret not in seen and quote(secret, safe="") not in seen
    out, err = capfd.readouterr()
    written = out + err + caplog.text
    assert secret not in written and quote(secret, safe="") not in written


def test_the_password_does_not_travel_in_the_request_line() -> None:
    """And not at all before the camera asks for it."""
    with listening(b"RTSP/1.0 500 Internal Server Error\r\nCSeq: $CSEQ\r\n\r\n") as (port, heard):
        assert probe(f"rtsp://127.0.0.1:{port}/x", "quantri", "matkhau", 3).reason == "camera_error"
    sent = b"".join(heard)
    assert b"OPTIONS" in sent
    assert b"matkhau" not in sent and b"quantri" not in sent and b"Authorization" not in sent

"""Files in an S3-compatible store, spoken to over its own protocol: whole, or not there."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chassis import objects
from dossier import files

PDF = b"%PDF-1.7\n" + b"0" * 200_000
NO_SUCH_KEY = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>NoSuchKey</Code><Message>gone</Message><Resource>/x</Resource><RequestId>1</RequestId></Error>"""


class Bucket(BaseHTTPRequestHandler):
    """The three verbs of an object that the platform uses."""

    objects: dict[str, bytes]
    authorizations: list[str]

    def do_PUT(self) -> None:
        self.authorizations.append(self.headers["Authorization"])
        self.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_GET(self) -> None:
        body = self.objects.get(self.path)
        self.answer(404, NO_SUCH_KEY) if body is None else self.answer(200, body)

    def do_DELETE(self) -> None:
        self.objects.pop(self.path, None)
        self.answer(204)

    def answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"0123456789abcdef0123456789abcdef"')
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml" if status == 404 else "application/octet-stream")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def store() -> Iterator[tuple[objects.S3, type[Bucket]]]:
    class Own(Bucket):
        objects: dict[str, bytes] = {}
        authorizations: list[str] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = objects.ObjectSettings(
            endpoint=f"127.0.0.1:{server.server_port}",
            access_key="dossier",
            secret_key="a secret of the test",
            region="vn",
            secure=False,
        )
        yield objects.S3(found), Own
        server.shutdown()


def test_bytes_come_back_and_can_be_forgotten(store: tuple[objects.S3, type[Bucket]], tmp_path: Path) -> None:
    keep, bucket = store
    with files.received(io.BytesIO(PDF), tmp_path, 1_000_000) as draft:
        keep.put(draft.path, "0190-key-ab")
    assert bucket.objects == {"/ioc/0190-key-ab": PDF}
    assert b"".join(keep.pieces("0190-key-ab")) == PDF
    keep.remove("0190-key-ab")
    with pytest.raises(FileNotFoundError):
        keep.pieces("0190-key-ab")
    assert list(tmp_path.iterdir()) == []


def test_the_secret_signs_and_never_travels(store: tuple[objects.S3, type[Bucket]], tmp_path: Path) -> None:
    keep, bucket = store
    with files.received(io.BytesIO(PDF), tmp_path, 1_000_000) as draft:
        keep.put(draft.path, "key")
    assert all(sent.startswith("AWS4-HMAC-SHA256") and "secret" not in sent for sent in bucket.authorizations)
    assert "a secret" not in repr(objects.ObjectSettings(secret_key="a secret of the test"))


def test_a_store_that_does_not_answer_is_told_apart_from_a_file_that_is_gone(tmp_path: Path) -> None:
    nowhere = objects.S3(objects.ObjectSettings(endpoint="127.0.0.1:9", bucket="files", region="vn", secure=False))
    with pytest.raises(files.StoreAway):
        nowhere.pieces("key")

"""Files by their content: what is taken, what is not, and that a half one is never there."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from chassis import objects
from dossier import files

PDF = b"%PDF-1.7\n" + b"0" * 5000
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def archive(*parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for part in parts:
            written.writestr(part, "x" * 100)
    return buffer.getvalue()


def media_type(body: bytes, folder: Path) -> str:
    with files.received(io.BytesIO(body), folder, 1_000_000) as draft:
        assert draft.sha256 == hashlib.sha256(body).hexdigest() and draft.size_bytes == len(body)
        return draft.media_type


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PDF, "application/pdf"),
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"0" * 100, "image/jpeg"),
        (archive("_rels/.rels", "docProps/app.xml", "[Content_Types].xml", "word/document.xml"), DOCX),
    ],
)
def test_the_content_says_what_it_is(body: bytes, expected: str, tmp_path: Path) -> None:
    assert media_type(body, tmp_path) == expected
    assert list(tmp_path.iterdir()) == [], "a draft that was not kept leaves nothing"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"MZ\x90\x00" + b"0" * 100, 415),
        (b"<html><script>alert(1)</script></html>", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (archive("word/document.xml", "word/vbaProject.bin"), 415),
        (archive("readme.txt"), 415),
        (b"PK\x03\x04" + b"0" * 100, 415),
        (b"PDF", 415),
        (b"", 422),
        (b"%PDF-" + b"0" * 1_000_000, 413),
    ],
)
def test_what_is_not_taken_is_refused_and_leaves_nothing(body: bytes, status: int, tmp_path: Path) -> None:
    with pytest.raises(files.FileRefused) as refused, files.received(io.BytesIO(body), tmp_path, 1_000_000):
        pass
    assert refused.value.status == status
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece:
                raise ConnectionResetError
            return piece

    with pytest.raises(ConnectionResetError), files.received(Breaking(PDF), tmp_path, 1_000_000):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_is_whole_private_and_can_be_forgotten(tmp_path: Path) -> None:
    keep = objects.Folder(tmp_path)
    with files.received(io.BytesIO(PDF), keep.folder(), 1_000_000) as draft:
        keep.put(draft.path, "0190-key-ab")
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.read_bytes() == PDF == b"".join(keep.pieces("0190-key-ab"))
    assert kept.stat().st_mode & 0o177 == 0, "nobody else reads it, nobody runs it"
    keep.remove("0190-key-ab")
    keep.remove("0190-key-ab")
    with pytest.raises(FileNotFoundError):
        keep.pieces("0190-key-ab")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Tờ khai.exe", "Tờ khai.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\An\\đơn.docx", "đơn.pdf"),
        ('a"b\r\nSet-Cookie: x.pdf', "abSet-Cookie x.pdf"),
        ("", "tep.pdf"),
        ("...", "tep.pdf"),
        ("x" * 500, "x" * 150 + ".pdf"),
    ],
)
def test_a_senders_name_becomes_a_harmless_one(sent: str, shown: str) -> None:
    assert files.shown_name(sent, "application/pdf") == shown

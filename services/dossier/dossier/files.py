"""The files of dossiers: what they are by their content, taken whole or not at all, and never executed."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import filetype

from chassis.objects import DRAFT, PIECE, Keep, ObjectSettings, StoreAway, open_keep
from chassis.settings import read
from dossier import settings

__all__ = ["Draft", "FileRefused", "Keep", "StoreAway", "keep", "media_type_of", "received", "shown_name"]

OFFICE = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ENDINGS = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    OFFICE["word/document.xml"]: ".docx",
    OFFICE["xl/workbook.xml"]: ".xlsx",
}
"""What is taken, by content, and the ending that it is given out with."""


class FileRefused(ValueError):
    """`status` is the HTTP status that says what kind of refusal it is; the text says it in Vietnamese."""

    def __init__(self, status: int, rule: str) -> None:
        super().__init__(rule)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Draft:
    """A file that was received whole, and is not kept yet."""

    path: Path
    media_type: str
    size_bytes: int
    sha256: str


@functools.cache
def keep() -> Keep | None:
    """Where this process keeps files; None where nothing is set up for it."""
    return open_keep(settings.files().folder, read(ObjectSettings))


@contextlib.contextmanager
def received(stream: IO[bytes], folder: Path, limit_bytes: int) -> Iterator[Draft]:
    """Write a stream to a draft, checking its size on the way and its type by content; gone after the block.

    Raises FileRefused.
    """
    handle, name = tempfile.mkstemp(prefix=DRAFT, dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            size_bytes, sha256 = _copy(stream, file, limit_bytes)
            file.flush()
            os.fsync(file.fileno())
        yield Draft(path, media_type_of(path), size_bytes, sha256)
    finally:
        path.unlink(missing_ok=True)


def _copy(stream: IO[bytes], file: IO[bytes], limit_bytes: int) -> tuple[int, str]:
    digest, size_bytes, head = hashlib.sha256(), 0, b""
    while piece := stream.read(PIECE):
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise FileRefused(413, f"Tệp lớn hơn {limit_bytes // 1024 // 1024} MB")
        if len(head) < 16 and len(head := head + piece[:16]) >= 16 and not _may_be_taken(head):
            raise FileRefused(415, _TAKEN)
        digest.update(piece)
        file.write(piece)
    if not size_bytes:
        raise FileRefused(422, "Tệp rỗng")
    return size_bytes, digest.hexdigest()


_TAKEN = "Chỉ nhận tệp PDF, JPEG, PNG, TIFF, DOCX, XLSX; loại tệp xét theo nội dung"


def _may_be_taken(head: bytes) -> bool:
    """The first bytes already tell most of what is not taken, before the rest is read."""
    return head.startswith((b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"PK\x03\x04"))


def media_type_of(path: Path) -> str:
    """The media type by content, of those that are taken. Raises FileRefused."""
    guess = filetype.guess(str(path))
    media_type = guess.mime if guess else None
    if media_type == "application/zip" or media_type in OFFICE.values():
        media_type = _office(path)
    if media_type not in ENDINGS:
        raise FileRefused(415, _TAKEN)
    return str(media_type)


def _office(path: Path) -> str | None:
    """DOCX and XLSX are ZIP files with certain parts; one with macros is not taken."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    if any(part.lower().endswith("vbaproject.bin") for part in parts):
        raise FileRefused(415, "Không nhận tệp có macro")
    return next((media_type for part, media_type in OFFICE.items() if part in parts), None)


def shown_name(name: str, media_type: str) -> str:
    """The sender's name of a file without folders and control characters, with the ending of what it is."""
    base = name.replace("\\", "/").rpartition("/")[2]
    base = "".join(character for character in base if character.isprintable() and character not in '<>:"|?*').strip(
        ". "
    )
    stem = base[: base.rindex(".")] if "." in base else base
    return f"{stem[:150].strip() or 'tep'}{ENDINGS[media_type]}"

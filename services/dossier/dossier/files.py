"""The files of dossiers: what they are by their content, and where their bytes lie; never executed, never half there."""

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
from typing import IO, Any, Protocol

import filetype
import urllib3

from dossier import settings

PIECE = 64 * 1024
S3_TIMEOUT = urllib3.Timeout(connect=5, read=30)
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


class StoreAway(OSError):
    """The file store does not answer, or refuses us: not the caller's fault, and worth another try."""


@dataclasses.dataclass(frozen=True)
class Draft:
    """A file that was received whole, and is not kept yet."""

    path: Path
    media_type: str
    size_bytes: int
    sha256: str


class Keep(Protocol):
    """Where bytes are kept under a key; a key is there whole or not at all."""

    def folder(self) -> Path:
        """Where drafts are written."""

    def put(self, draft: Draft, key: str) -> None:
        """Keep a draft."""

    def pieces(self, key: str) -> Iterator[bytes]:
        """The bytes. Raises FileNotFoundError before the first."""

    def remove(self, key: str) -> None:
        """Forget the bytes; content when they are gone already."""


class Folder:
    """A local folder. A draft is written and flushed beside the kept files, then renamed, which is all or nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self) -> Path:
        return _made(self.root / "drafts")

    def put(self, draft: Draft, key: str) -> None:
        kept = self._path(key)
        _made(kept.parent)
        draft.path.replace(kept)
        _flush(kept.parent)

    def pieces(self, key: str) -> Iterator[bytes]:
        return _read(self._path(key).open("rb"))

    def remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        """Keys are ids of ours; spread over 256 folders by their last, random, digits."""
        return self.root / key[-2:] / key


class S3:
    """A bucket of an S3-compatible server, which makes an object visible only when it is whole."""

    def __init__(self, found: settings.FileSettings) -> None:
        from minio import Minio

        self.bucket = found.s3_bucket
        self.client: Any = Minio(
            endpoint=found.s3_endpoint,
            access_key=found.s3_access_key,
            secret_key=found.s3_secret_key,
            secure=found.s3_secure,
            region=found.s3_region or None,
            http_client=urllib3.PoolManager(timeout=S3_TIMEOUT, retries=urllib3.Retry(total=1), maxsize=10),
        )

    def folder(self) -> Path:
        return Path(tempfile.gettempdir())

    def put(self, draft: Draft, key: str) -> None:
        with _reached(key):
            self.client.fput_object(self.bucket, key, str(draft.path), content_type="application/octet-stream")

    def pieces(self, key: str) -> Iterator[bytes]:
        with _reached(key):
            return _streamed(self.client.get_object(self.bucket, key))

    def remove(self, key: str) -> None:
        with _reached(key):
            self.client.remove_object(self.bucket, key)


@contextlib.contextmanager
def _reached(key: str) -> Iterator[None]:
    """The errors of the store as ours: FileNotFoundError where there is no such object, StoreAway for anything else."""
    from minio.error import MinioException, S3Error

    try:
        yield
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        if isinstance(error, S3Error) and error.code == "NoSuchKey":
            raise FileNotFoundError(key) from None
        raise StoreAway(type(error).__name__) from error


@functools.cache
def keep() -> Keep | None:
    """Where this process keeps files; None where nothing is set up for it."""
    found = settings.files()
    if found.s3_endpoint:
        return S3(found)
    return Folder(Path(found.folder)) if found.folder else None


@contextlib.contextmanager
def received(stream: IO[bytes], folder: Path, limit_bytes: int) -> Iterator[Draft]:
    """Write a stream to a draft, checking its size on the way and its type by content; gone after the block.

    Raises FileRefused.
    """
    handle, name = tempfile.mkstemp(prefix="draft-", dir=folder)
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


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _flush(folder: Path) -> None:
    """A rename outlives a power cut only once its folder is on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece


def _streamed(answer: Any) -> Iterator[bytes]:
    try:
        yield from answer.stream(PIECE)
    finally:
        answer.close()
        answer.release_conn()

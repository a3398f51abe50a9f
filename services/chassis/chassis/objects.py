"""Where files lie: a local folder, or a bucket of an S3-compatible server; an object is there whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import urllib3

from chassis.settings import variable

PIECE = 64 * 1024
DRAFT = "ioc-draft-"  # how the names of drafts begin: their folder may be one that others use too
S3_TIMEOUT = urllib3.Timeout(connect=5, read=30)


@dataclasses.dataclass(frozen=True)
class ObjectSettings:
    """An S3-compatible server; without an endpoint a folder is used."""

    endpoint: str = variable("S3_ENDPOINT", "host:port of an S3-compatible server; empty: the folder", "")
    bucket: str = variable("S3_BUCKET", "its bucket, which must be there", "ioc")
    region: str = variable("S3_REGION", "its region; empty: the server's default", "")
    access_key: str = variable("S3_ACCESS_KEY", "account", "", secret=True)
    secret_key: str = variable("S3_SECRET_KEY", "its secret", "", secret=True)
    secure: bool = variable("S3_SECURE", "whether it is spoken to over TLS", True)


class StoreAway(OSError):
    """The store does not answer, or refuses us: not the caller's fault, and worth another try."""


class Keep(Protocol):
    """Where bytes are kept under a key; a key is there whole or not at all."""

    def folder(self) -> Path:
        """Where drafts are written."""

    def put(self, draft: Path, key: str) -> None:
        """Keep a draft, a file in `folder`, which may be gone afterwards."""

    def pieces(self, key: str) -> Iterator[bytes]:
        """The bytes. Raises FileNotFoundError before the first."""

    def remove(self, key: str) -> None:
        """Forget the bytes; content when they are gone already."""


def open_keep(folder: str, server: ObjectSettings) -> Keep | None:
    """The server where one is named, else the folder; None where nothing is set up."""
    if server.endpoint:
        return S3(server)
    return Folder(Path(folder)) if folder else None


def put_bytes(keep: Keep, data: bytes, key: str) -> None:
    """Keep bytes that are in memory."""
    handle, name = tempfile.mkstemp(prefix=DRAFT, dir=keep.folder())
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        keep.put(Path(name), key)
    finally:
        Path(name).unlink(missing_ok=True)


def is_there(keep: Keep, key: str) -> bool:
    """Whether the store has the key, asked of the store itself."""
    try:
        pieces = keep.pieces(key)
    except FileNotFoundError:
        return False
    for _ in pieces:  # reading it out returns the connection to its pool
        pass
    return True


class Folder:
    """A local folder. A draft is written and flushed beside the kept files, then renamed, which is all or nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self) -> Path:
        return _made(self.root / "drafts")

    def put(self, draft: Path, key: str) -> None:
        kept = self._path(key)
        _made(kept.parent)
        draft.replace(kept)
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

    def __init__(self, server: ObjectSettings) -> None:
        from minio import Minio

        self.bucket = server.bucket
        self.client: Any = Minio(
            endpoint=server.endpoint,
            access_key=server.access_key,
            secret_key=server.secret_key,
            secure=server.secure,
            region=server.region or None,
            http_client=urllib3.PoolManager(timeout=S3_TIMEOUT, retries=urllib3.Retry(total=1), maxsize=10),
        )

    def folder(self) -> Path:
        return Path(tempfile.gettempdir())

    def put(self, draft: Path, key: str) -> None:
        with _reached(key):
            self.client.fput_object(self.bucket, key, str(draft), content_type="application/octet-stream")

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

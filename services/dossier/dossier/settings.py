"""The environment of dossier beyond the chassis'."""

from __future__ import annotations

import dataclasses
import functools

from chassis.settings import read, variable


@dataclasses.dataclass(frozen=True)
class WatchSettings:
    """When a promise is due soon, and how the scheduler works; every process that changes dossiers reads it."""

    warn_days: int = variable("DUE_SOON_WORKING_DAYS", "working days before a due time at which it is due soon", 1)
    poll_s: float = variable("SCHEDULER_POLL_S", "pause between looks for promises whose moment has come", 0.5)
    batch: int = variable("SCHEDULER_BATCH", "most promises said, or dossiers recounted, in one transaction", 200)


@dataclasses.dataclass(frozen=True)
class LookupSettings:
    """The public look-up of a dossier by its code and secret."""

    key: str = variable("DOSSIER_LOOKUP_KEY", "key of the look-up secrets: 32 random characters or more", secret=True)
    per_address: int = variable("LOOKUPS_PER_MINUTE", "look-ups per address and minute", 60)
    failures_per_address: int = variable("LOOKUP_FAILURES_PER_ADDRESS", "wrong ones per address and minute", 10)
    failures_per_code: int = variable("LOOKUP_FAILURES_PER_CODE", "wrong ones per dossier code and minute", 30)


@dataclasses.dataclass(frozen=True)
class FileSettings:
    """Where the files of dossiers lie: in a folder, or with an S3-compatible server where one is named."""

    folder: str = variable(
        "DOSSIER_FILES_FOLDER", "folder of the files; without it and S3_ENDPOINT no file is taken", ""
    )
    limit_bytes: int = variable("DOSSIER_FILE_LIMIT_BYTES", "largest file", 20 * 1024 * 1024)
    s3_endpoint: str = variable("S3_ENDPOINT", "host:port of an S3-compatible server; empty: the folder", "")
    s3_bucket: str = variable("S3_BUCKET", "its bucket, which must be there", "dossier-files")
    s3_region: str = variable("S3_REGION", "its region; empty: the server's default", "")
    s3_access_key: str = variable("S3_ACCESS_KEY", "account", "", secret=True)
    s3_secret_key: str = variable("S3_SECRET_KEY", "its secret", "", secret=True)
    s3_secure: bool = variable("S3_SECURE", "whether it is spoken to over TLS", True)


@functools.cache
def lookup() -> LookupSettings:
    """The settings of the look-up, read once a process."""
    return read(LookupSettings)


@functools.cache
def files() -> FileSettings:
    """The settings of the files, read once a process."""
    return read(FileSettings)


@functools.cache
def watch() -> WatchSettings:
    """The settings of the watch, read once a process."""
    return read(WatchSettings)

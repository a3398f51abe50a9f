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


@dataclasses.dataclass(frozen=True)
class PortalSwitch:
    """Whether the national portal is told; every process that changes dossiers reads it."""

    url: str = variable("PORTAL_URL", "address of the national portal's adapter; empty: nothing is owed to it", "")


@dataclasses.dataclass(frozen=True)
class PortalSettings:
    """The account at the national portal and how it is spoken to; the processes `portal` and `reconcile` read it."""

    url: str = variable("PORTAL_URL", "https:// address of the national portal's adapter")
    username: str = variable("PORTAL_USERNAME", "account")
    password: str = variable("PORTAL_PASSWORD", "its password", secret=True)
    agency: str = variable("PORTAL_AGENCY", "code under which the province is registered there (madonvi)")
    agency_scheme: str = variable("PORTAL_AGENCY_SCHEME", "current (H52.17) or legacy (000.00.17.H52)", "current")
    login_path: str = variable("PORTAL_LOGIN_PATH", "where it takes log-ins", "mapi/login")
    service_path: str = variable("PORTAL_SERVICE_PATH", "where it takes calls of services", "mapi/g")
    expired_words: str = variable(
        "PORTAL_EXPIRED_WORDS", "what a refusal of an old session says", "session,phiên làm việc,phiên đăng nhập"
    )
    ca_file: str = variable("PORTAL_CA_FILE", "certificates that sign the portal's; empty: the usual ones", "")
    timeout_s: float = variable("PORTAL_TIMEOUT_S", "longest wait for an answer", 20.0)
    parallel: int = variable("PORTAL_PARALLEL", "calls at the same time, each about another dossier", 4)
    poll_s: float = variable("PORTAL_POLL_S", "pause between looks for what is owed", 0.5)
    attempts: int = variable("PORTAL_ATTEMPTS", "failures of its own before a delivery is dead", 10)
    retry_first_s: float = variable("PORTAL_RETRY_FIRST_S", "wait before the second attempt; doubles each time", 5.0)
    retry_longest_s: float = variable("PORTAL_RETRY_LONGEST_S", "longest wait between two attempts", 3600.0)
    away_longest_s: float = variable("PORTAL_AWAY_LONGEST_S", "longest pause while the portal is away", 60.0)
    keep_days: int = variable("PORTAL_KEEP_DAYS", "days for which what was sent stays listed", 90)
    reconcile_hour: int = variable("PORTAL_RECONCILE_HOUR", "local hour of the daily comparison; -1: never", 2)
    reconcile_days: int = variable("PORTAL_RECONCILE_DAYS", "days back, besides all open dossiers", 30)
    mend: bool = variable("PORTAL_MEND", "whether the daily comparison sends again what differs", True)
    lookups_per_s: float = variable("PORTAL_LOOKUPS_PER_S", "dossiers asked for in a second when comparing", 5.0)


@functools.cache
def portal_switch() -> PortalSwitch:
    """Whether the portal is told, read once a process."""
    return read(PortalSwitch)


@functools.cache
def portal() -> PortalSettings:
    """The account at the portal, read once a process."""
    return read(PortalSettings)


@dataclasses.dataclass(frozen=True)
class ImportSettings:
    """Imports, over HTTP and by the command."""

    batch: int = variable("IMPORT_BATCH", "most lines of an import kept in one transaction", 500)
    limit_bytes: int = variable("IMPORT_LIMIT_BYTES", "largest body of one import; it is never held whole", 2 * 1024**3)


@functools.cache
def imports() -> ImportSettings:
    """The settings of imports, read once a process."""
    return read(ImportSettings)


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

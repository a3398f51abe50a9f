"""Reads the environment: each process asks for the groups that it needs, and every bad variable is named at once."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, NoReturn, TypeVar, get_type_hints

from environs import Env, EnvValidationError

EX_CONFIG = 78  # sysexits.h: the process cannot start as it is configured
Group = TypeVar("Group")


def variable(name: str, doc: str, default: Any = dataclasses.MISSING, secret: bool = False) -> Any:
    """A field of a settings group: the variable's name, what it means, its default (none: the variable is required)."""
    return dataclasses.field(default=default, metadata={"name": name, "doc": doc}, repr=not secret)


def read(group: type[Group]) -> Group:
    """Fill a settings dataclass from the environment, or stop the process with every bad variable named."""
    values, problems = _parse(group)
    if problems:
        _refuse_to_start(problems)
    return group(**values)


def check(*groups: type[Any]) -> None:
    """Stop the process with every bad variable of all these groups named, before the first of them is read."""
    problems: dict[str, str] = {}
    for group in groups:
        problems |= _parse(group)[1]
    if problems:
        _refuse_to_start(problems)


def _parse(group: type[Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields' values, and what is wrong by variable."""
    env = Env(eager=False)
    parsers: dict[Any, Any] = {str: env.str, int: env.int, float: env.float, bool: env.bool}
    hints = get_type_hints(group)
    values = {}
    for field in dataclasses.fields(group):
        optional = {} if field.default is dataclasses.MISSING else {"default": field.default}
        values[field.name] = parsers[hints[field.name]](field.metadata["name"], **optional)
    try:
        env.seal()
    except EnvValidationError as error:
        reasons: dict[str, list[str]] = dict(error.error_messages)  # type: ignore[arg-type]
        return {}, {name: "; ".join(map(str, found)) for name, found in reasons.items()}
    return values, {}


def _refuse_to_start(problems: dict[str, str]) -> NoReturn:
    for name, reason in problems.items():
        print(f"settings: {name}: {reason}", file=sys.stderr)
    raise SystemExit(EX_CONFIG)


@dataclasses.dataclass(frozen=True)
class DatabaseSettings:
    """The service's own PostgreSQL database, as its least privileged role."""

    url: str = variable("DATABASE_URL", "postgresql://role:password@host:port/database of the app role", secret=True)
    pool_size: int = variable("DATABASE_POOL_SIZE", "connections of one process, besides two for short statements", 8)
    statement_timeout_ms: int = variable("DATABASE_STATEMENT_TIMEOUT_MS", "longest statement", 15_000)
    lock_timeout_ms: int = variable("DATABASE_LOCK_TIMEOUT_MS", "longest wait for a lock", 5_000)


@dataclasses.dataclass(frozen=True)
class MigrationSettings:
    """The same database as the role that owns the tables; only `migrate` reads it."""

    url: str = variable("MIGRATION_DATABASE_URL", "postgresql:// URL of the owner role", secret=True)


@dataclasses.dataclass(frozen=True)
class BrokerSettings:
    """The RabbitMQ virtual host that the services share."""

    url: str = variable("AMQP_URL", "amqp://user:password@host:port/vhost", secret=True)
    heartbeat_s: int = variable("AMQP_HEARTBEAT_S", "seconds between heartbeats", 20)
    timeout_s: float = variable("AMQP_TIMEOUT_S", "longest wait for the broker before the connection is dropped", 10.0)


@dataclasses.dataclass(frozen=True)
class WorkerSettings:
    """How events are taken and retried."""

    batch: int = variable("INBOX_BATCH", "most events handled in one transaction", 200)
    partitions: int = variable("INBOX_PARTITIONS", "queues that the inbox is split into by hash of the subject", 1)
    delivery_limit: int = variable("INBOX_DELIVERY_LIMIT", "deliveries before the broker dead-letters a message", 10)
    retry_first_s: float = variable("RETRY_FIRST_S", "wait before the second attempt; doubles each time", 1.0)
    retry_longest_s: float = variable("RETRY_LONGEST_S", "longest wait between two attempts", 3600.0)
    attempts: int = variable("RETRY_ATTEMPTS", "attempts before an event is dead", 12)
    keep_days: int = variable("INBOX_KEEP_DAYS", "days for which a repeated event is recognised", 400)
    drain_s: float = variable("DRAIN_S", "hard limit for finishing work after SIGTERM", 20.0)


@dataclasses.dataclass(frozen=True)
class RelaySettings:
    """How the outbox is published."""

    poll_s: float = variable("RELAY_POLL_S", "pause between looks into an empty outbox", 0.02)
    window: int = variable("RELAY_WINDOW", "events published before their confirms are awaited", 1000)
    held_s: float = variable("RELAY_HELD_S", "wait before commands that nobody could take are sent again", 5.0)


@dataclasses.dataclass(frozen=True)
class WebSettings:
    """The HTTP side."""

    host: str = variable("HTTP_HOST", "address to listen on", "127.0.0.1")
    port: int = variable("HTTP_PORT", "port to listen on", 8000)
    workers: int = variable("HTTP_WORKERS", "gunicorn worker processes", 2)
    threads: int = variable("HTTP_THREADS", "threads per worker process", 8)
    body_limit_bytes: int = variable("HTTP_BODY_LIMIT_BYTES", "largest request body", 1_048_576)
    trusted_proxies: int = variable("HTTP_TRUSTED_PROXIES", "reverse proxies in front whose X-Forwarded-For counts", 0)
    drain_s: int = variable("HTTP_DRAIN_S", "seconds that open requests get after SIGTERM", 20)


@dataclasses.dataclass(frozen=True)
class AuthSettings:
    """Whose tokens are believed, and how often one caller may call."""

    issuer: str = variable("OIDC_ISSUER", "issuer that must stand in every token")
    audience: str = variable("OIDC_AUDIENCE", "audience that must stand in every token")
    jwks_url: str = variable("OIDC_JWKS_URL", "where the issuer publishes its signing keys")
    requests_per_minute: int = variable("RATE_LIMIT_PER_MINUTE", "requests per caller and minute", 6000)
    failures_per_minute: int = variable("FAILED_LOGINS_PER_MINUTE", "refused credentials per address and minute", 10)


@dataclasses.dataclass(frozen=True)
class ProbeSettings:
    """The port of a process that serves no API: /livez, /readyz and /metrics."""

    host: str = variable("PROBE_HOST", "address to listen on", "127.0.0.1")
    port: int = variable("PROBE_PORT", "port to listen on", 9000)


@dataclasses.dataclass(frozen=True)
class LogSettings:
    """Logs and traces."""

    level: str = variable("LOG_LEVEL", "debug, info, warning or error", "info")
    format: str = variable("LOG_FORMAT", "json, or console for people", "json")
    otlp_endpoint: str = variable("OTEL_EXPORTER_OTLP_ENDPOINT", "collector that spans are sent to; empty: none", "")


GROUPS = (
    DatabaseSettings,
    MigrationSettings,
    BrokerSettings,
    WorkerSettings,
    RelaySettings,
    WebSettings,
    AuthSettings,
    ProbeSettings,
    LogSettings,
)

"""The table of everything that `up` runs besides the servers, and the environment that each process gets."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from infra.local.progress import Refused
from infra.local.stack import AUDIENCE, HOST, ROOT, SERVICES, Stack
from infra.local.supervision import Program
from infra.local.venv import PYTHON


@dataclasses.dataclass(frozen=True)
class Process:
    """`python -m <service> <job>`, with the offset of its HTTP port (web) or of its probe port (all others)."""

    service: str
    job: str
    offset: int
    extra: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.service}-{self.job}"


LIVE_OFFSET = 5
SERVES = ("web", "live")
"""The jobs that listen on an HTTP port of their own; all others have a probe port."""

PROCESSES = (
    Process("dossier", "web", 1),
    Process("dossier", "relay", 101),
    Process("dossier", "worker", 102),
    Process("dossier", "scheduler", 114),
    Process("dossier", "portal", 116),
    Process("notify", "web", 2),
    Process("notify", "relay", 103),
    Process("notify", "worker", 104),
    Process("notify", "sender", 105),
    Process("stats", "web", 3),
    Process("stats", "relay", 106),
    Process("stats", "worker", 107),
    Process("ipcam", "web", 4),
    Process("ipcam", "relay", 108),
    Process("ipcam", "watcher", 110),
    Process("ipcam", "live", LIVE_OFFSET),
)


def wanted(only: str | None = None) -> tuple[Process, ...]:
    """The processes of the services that exist; `only` is a list like `dossier,notify-web` (default: IOC_PROCESSES), or
    `none`."""
    names = {name.strip() for name in (only or os.environ.get("IOC_PROCESSES") or "").split(",")} - {""}
    known = [*SERVICES, *(process.name for process in PROCESSES), "province", "none"]
    if unknown := names.difference(known):
        raise Refused(f"no such process: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    there = [process for process in PROCESSES if _entry_point(process.service).exists()]
    return tuple(process for process in there if not names or {process.name, process.service} & names)


def _entry_point(service: str) -> Path:
    return ROOT / "services" / service / service / "__main__.py"


def environment(stack: Stack, service: str) -> dict[str, str]:
    """What every process of a service reads, and nothing more: its own accounts, the issuer, how to log."""
    variables = {
        "DATABASE_URL": stack.database_url(service, service),
        "AMQP_URL": stack.amqp_url(service),
        "OIDC_ISSUER": stack.url("oidc"),
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": f"{stack.url('oidc')}/jwks",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "info"),
        "LOG_FORMAT": os.environ.get("LOG_FORMAT", "console"),
    }
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    if service == "notify":
        variables |= {
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(stack.port("smtp")),
            "SMTP_SENDER": "Dịch vụ công Sơn La <khong-tra-loi@ioc.invalid>",
            "SMTP_SECURITY": "none",
        }
    if service == "dossier":
        variables |= {
            "DOSSIER_LOOKUP_KEY": stack.passwords.of("dossier", "lookup"),
            "DOSSIER_FILES_FOLDER": str(stack.state / "files" / "dossier"),
            "PORTAL_URL": stack.url("portal"),
        }
    if service == "ipcam":
        key = stack.passwords.of("ipcam", "credentials")  # 32 hexadecimal digits are the 32 bytes of a Fernet key
        variables |= {
            "CAMERA_CREDENTIALS_KEY": base64.urlsafe_b64encode(key.encode()).decode(),
            "CAMERA_FILES_FOLDER": str(stack.state / "files" / "ipcam"),
            "LIVE_KEY": stack.passwords.of("ipcam", "live"),
            "LIVE_URL": f"http://{HOST}:{stack.port_base + LIVE_OFFSET}",
        }
    return variables


def migration_environment(stack: Stack, service: str) -> dict[str, str]:
    """What `migrate` reads on top: the role that owns the tables, which no other process is given."""
    owner = stack.database_url(f"{service}_owner", service)
    return environment(stack, service) | {"MIGRATION_DATABASE_URL": owner}


def process_environment(stack: Stack, process: Process) -> dict[str, str]:
    """The environment of one process, with the port that it listens on."""
    port = str(stack.port_base + process.offset)
    listens = (
        {"HTTP_HOST": HOST, "HTTP_PORT": port} if process.job in SERVES else {"PROBE_HOST": HOST, "PROBE_PORT": port}
    )
    account = portal_account(stack) if process.name == "dossier-portal" else {}
    return environment(stack, process.service) | listens | account | dict(process.extra)


def portal_account(stack: Stack) -> dict[str, str]:
    """What the national portal's adapter logs in with; no other process is given it."""
    password = stack.passwords.of("portal", "adapter")
    return {"PORTAL_USERNAME": "ioc-son-la", "PORTAL_PASSWORD": password, "PORTAL_AGENCY": "H52"}


def named(name: str) -> Process | None:
    """The row of the table called `dossier-web`, or None."""
    return next((process for process in PROCESSES if process.name == name), None)


def address(stack: Stack, service: str) -> str:
    """The address of a service's HTTP side."""
    return next(
        f"http://{HOST}:{stack.port_base + process.offset}"
        for process in PROCESSES
        if process.service == service and process.job == "web"
    )


def program(stack: Stack, process: Process) -> Program:
    """How supervisor runs a row of the table; a change of the service's source restarts it."""
    port = stack.port_base + process.offset
    return Program(
        name=process.name,
        command=(str(PYTHON), "-m", process.service, process.job),
        folder=ROOT / "services" / process.service,
        environment=process_environment(stack, process) | {"IOC_SOURCE": source_digest(process.service)},
        priority=200,
        ports=(port,),
        ready=f"http://{HOST}:{port}/readyz",
    )


def desk_programs(stack: Stack) -> list[Program]:
    """The local mailbox, the local OIDC provider and the simulated national portal."""
    mailbox = {
        "MAILBOX_FOLDER": str(stack.state / "mailbox"),
        "SMTP_PORT": str(stack.port("smtp")),
        "HTTP_PORT": str(stack.port("mailbox")),
    }
    oidc = {
        "OIDC_ISSUER": stack.url("oidc"),
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_PASSWORD": stack.passwords.of("oidc", "demo"),
        "OIDC_KEY_FILE": str(stack.state / "oidc-key.json"),
        "HTTP_PORT": str(stack.port("oidc")),
    }
    portal = {
        "PORTAL_FILE": str(stack.state / "portal.sqlite"),
        "HTTP_PORT": str(stack.port("portal")),
        **portal_account(stack),
    }
    return [
        _desk(stack, "mailbox", mailbox, (stack.port("smtp"), stack.port("mailbox"))),
        _desk(stack, "oidc", oidc, (stack.port("oidc"),)),
        _desk(stack, "portal", portal, (stack.port("portal"),), "infra.simulators"),
    ]


def _desk(
    stack: Stack, name: str, variables: dict[str, str], ports: tuple[int, ...], package: str = "infra.local"
) -> Program:
    source = _tree_digest(ROOT / "infra" / "local") + _tree_digest(ROOT / "infra" / "simulators" / name)
    return Program(
        name=name,
        command=(str(PYTHON), "-m", f"{package}.{name}"),
        folder=ROOT,
        environment=variables | {"IOC_SOURCE": source},
        priority=100,
        stop_seconds=10,
        ports=ports,
        ready=f"{stack.url(name)}/readyz",
    )


def source_digest(service: str) -> str:
    """Changes with the service's code, the chassis's, and what is installed."""
    parts = [_tree_digest(ROOT / "services" / name) for name in (service, "chassis")]
    installed = ROOT / ".venv" / ".installed.json"
    parts.append(installed.read_text() if installed.exists() else "")
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


@functools.cache
def _tree_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".sql", ".html", ".json", ".toml", ".yaml"):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]

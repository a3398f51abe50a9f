"""Where one local stack lives: its state folder, its ports, its addresses; several stacks run side by side."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from infra.local.passwords import Passwords
from infra.local.progress import Refused

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
DEFAULT_STATE = ".run/local"
DEFAULT_PORT_BASE = 18000
LAST_OFFSET = 199
RECORDED_PORTS = "port_base"
# An AF_UNIX path holds 107 bytes, and supervisor adds its pid to the socket's name while it makes it.
LONGEST_STATE = 80

OFFSETS = {
    "postgresql": 32,
    "rabbitmq": 72,
    "rabbitmq-distribution": 73,
    "epmd": 74,
    "rabbitmq-metrics": 75,
    "smtp": 25,
    "mailbox": 80,
    "oidc": 90,
    "cameras": 54,
    "cameras-control": 55,
    "portal": 95,
}
"""Ports of what is not a service; the services' ports stand in the table of processes (processes.py)."""

SERVICES = ("dossier", "notify", "stats", "ipcam")
VIRTUAL_HOST = "ioc"
AUDIENCE = "ioc"


@dataclasses.dataclass(frozen=True)
class Stack:
    """One stack: everything about it follows from its state folder and its first port."""

    state: Path
    port_base: int

    @classmethod
    def chosen(cls, state: str | None = None, port_base: int | None = None) -> Stack:
        """The stack of the arguments, else of STATE and PORT_BASE, else with the ports it last had in that folder."""
        folder = Path(state or os.environ.get("STATE") or DEFAULT_STATE)
        folder = (folder if folder.is_absolute() else ROOT / folder).resolve()
        if folder in (ROOT, *ROOT.parents):
            raise Refused(f"STATE={folder} would swallow the repository; name a folder of its own, such as .run/mine")
        if len(os.fsencode(folder)) > LONGEST_STATE:
            raise Refused(f"STATE={folder} is longer than {LONGEST_STATE} characters, too long for a unix socket in it")
        recorded = folder / RECORDED_PORTS
        text = port_base or os.environ.get("PORT_BASE") or (recorded.read_text() if recorded.exists() else "")
        try:
            first = int(text or DEFAULT_PORT_BASE)
        except ValueError:
            raise Refused(f"PORT_BASE={text!r} is not a number") from None
        if not 1024 <= first <= 65535 - LAST_OFFSET:
            raise Refused(f"PORT_BASE={first} leaves no room for {LAST_OFFSET} ports between 1024 and 65535")
        return cls(folder, first)

    @property
    def marker(self) -> Path:
        return self.state / "ioc-local-stack"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def socket(self) -> Path:
        return self.state / "supervisor.sock"

    def refuse_foreign(self) -> None:
        """Refuse a folder that holds somebody else's files; what lies under .run is ours by its place."""
        ours = self.marker.exists() or (ROOT / ".run") in self.state.parents
        if not ours and self.state.exists() and any(self.state.iterdir()):
            raise Refused(f"STATE={self.state} holds files that are not a local stack's: left alone")

    def refuse_other_ports(self) -> None:
        """Refuse to speak of ports on which this stack does not run; only `up` moves it."""
        recorded = self.state / RECORDED_PORTS
        if recorded.exists() and (last := recorded.read_text().strip()) != str(self.port_base):
            raise Refused(
                f"the stack in {self.state} has its ports from {last} on, not {self.port_base}: leave PORT_BASE out, "
                "name another STATE, or move it there with `up`"
            )

    def create(self) -> None:
        """Make the state folder."""
        self.refuse_foreign()
        self.state.mkdir(parents=True, exist_ok=True)
        # Servers that refuse to run as root run as their Debian account and must be able to pass through, not to list.
        self.state.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.marker.write_text("The state of one local stack: python3 -m infra.local --help. `clean` deletes it.\n")
        self.logs.mkdir(exist_ok=True)
        (self.state / RECORDED_PORTS).write_text(f"{self.port_base}\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command changes a stack at a time; the second waits for the first."""
        self.state.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.state, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    @property
    def passwords(self) -> Passwords:
        return Passwords(self.state / "passwords.json")

    def port(self, name: str) -> int:
        return self.port_base + OFFSETS[name]

    def url(self, name: str) -> str:
        """Address of a web page or API of the stack that is not a service's."""
        return f"http://{HOST}:{self.port(name)}"

    def database_url(self, role: str, database: str) -> str:
        """`postgres` is the superuser, `<service>_owner` migrates, `<service>` is what the service runs as."""
        return (
            f"postgresql://{role}:{self.passwords.of('postgresql', role)}@{HOST}:{self.port('postgresql')}/{database}"
        )

    def amqp_url(self, user: str) -> str:
        """`developer` may do everything in the virtual host, a service only what its contract allows."""
        return f"amqp://{user}:{self.passwords.of('rabbitmq', user)}@{HOST}:{self.port('rabbitmq')}/{VIRTUAL_HOST}"

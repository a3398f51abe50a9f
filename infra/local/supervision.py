"""Runs the stack's processes under supervisor: writes its configuration, talks to its daemon over a private socket."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from infra.local.progress import Refused
from infra.local.stack import Stack

# Every process of a stack carries this variable, so that what a killed supervisor leaves behind is recognised as ours.
MARK = "IOC_STACK_PROCESS_OF"
KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "SSL_CERT_FILE")
FINAL_STATES = ("FATAL", "UNKNOWN")

DAEMON = """\
; Written by infra.local at every `up`; changes here are lost. Holds passwords: keep it readable by its owner only.
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}

[supervisord]
logfile={state}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={state}/supervisord.pid
childlogdir={logs}
directory={state}
umask=022
minfds=1024
{user}
"""


@dataclasses.dataclass(frozen=True)
class Program:
    """One process to keep alive. Lower priority starts first, stops last; `ready` is the address that answers 200."""

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    priority: int
    account: str | None = None
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    ports: tuple[int, ...] = ()
    ready: str | None = None

    def section(self, logs: Path) -> str:
        options: dict[str, object] = {
            "command": " ".join(_quoted(word) for word in self.command),
            "directory": self.folder,
            "environment": ",".join(f"{name}={_quoted(value)}" for name, value in sorted(self.environment.items())),
            "priority": self.priority,
            "autostart": "false",  # `up` starts them, in order, and waits
            "autorestart": "true",
            "startsecs": 1,
            "startretries": 20,
            "stopsignal": self.stop_signal,
            "stopwaitsecs": self.stop_seconds,
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": logs / f"{self.name}.log",
            "stdout_logfile_maxbytes": "5MB",
            "stdout_logfile_backups": 2,
        }
        if self.account:
            options["user"] = self.account
        lines = [f"{name}={value!s}" for name, value in options.items()]
        return "\n".join([f"[program:{self.name}]", *lines, ""])


def _quoted(text: str) -> str:
    """A word of supervisor's configuration: quoted, and with its own percent sign escaped."""
    if '"' in text or "\n" in text:
        raise ValueError(f"cannot stand in supervisor's configuration: {text!r}")
    return '"' + text.replace("%", "%%") + '"'


class Supervisor:
    """The daemon of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @property
    def _call(self) -> Any:
        """A fresh connection for each call, because supervisor's transport does not recover from a failed one."""
        transport = SupervisorTransport(serverurl=f"unix://{self._stack.socket}")
        # The address is never looked at: the transport goes to the socket.
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport, allow_none=True).supervisor

    def runs(self) -> bool:
        try:
            self._call.getState()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def configure(self, programs: Sequence[Program]) -> list[str]:
        """Write the configuration and start the daemon, or make the running one take it.

        A program that changed is stopped; the answer names those of them that ran, in the order in which they are given,
        for the caller to start again.
        """
        self._write(programs)
        if not self.runs():
            self._start_daemon()
            return []
        running = self.running()
        added, changed, removed = self._call.reloadConfig()[0]
        again = [program.name for program in programs if program.name in changed]
        for name in [*reversed(again), *removed]:  # RabbitMQ before its port mapper, or it starts one of its own
            with contextlib.suppress(xmlrpc.client.Fault):
                self._call.stopProcessGroup(name)
            self._call.removeProcessGroup(name)
        for name in added + changed:
            self._call.addProcessGroup(name)
        return [name for name in again if name in running]

    def _write(self, programs: Iterable[Program]) -> None:
        user = "user=root" if os.geteuid() == 0 else ""
        text = DAEMON.format(socket=self._stack.socket, state=self._stack.state, logs=self._stack.logs, user=user)
        path = self._stack.state / "supervisord.conf"
        draft = path.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join([text, *(program.section(self._stack.logs) for program in programs)]))
        draft.replace(path)

    def _start_daemon(self) -> None:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment = kept | {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", MARK: str(self._stack.state)}
        command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord"]
        command += ["-c", str(self._stack.state / "supervisord.conf")]
        result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            raise Refused(f"supervisord did not start:\n{result.stdout}{result.stderr}")
        wait_until(self.runs, 10, f"supervisord does not answer; see {self._stack.state}/supervisord.log")

    def processes(self) -> dict[str, dict[str, Any]]:
        """What supervisor knows of each process, by name (`statename`, `pid`, `start`, `now`, `spawnerr`, …)."""
        if not self.runs():
            return {}
        return {process["name"]: process for process in self._call.getAllProcessInfo()}

    def running(self) -> set[str]:
        return {name for name, process in self.processes().items() if process["statename"] in ("RUNNING", "STARTING")}

    def start(self, names: Iterable[str]) -> list[str]:
        """Start those that do not run, without waiting for them; the answer names them."""
        known = self.processes()
        down = [name for name in names if known[name]["statename"] not in ("RUNNING", "STARTING")]
        for name in down:
            with contextlib.suppress(xmlrpc.client.Fault):  # a process in back-off is about to start by itself
                self._call.startProcess(name, False)
        return down

    def stop(self, names: Iterable[str]) -> None:
        """Stop these together and wait until each has gone; supervisor kills what outlives its time."""
        awaited = set(names)
        for name in awaited:
            with contextlib.suppress(xmlrpc.client.Fault):  # not running
                self._call.stopProcess(name, False)
        stopped = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
        wait_until(
            lambda: all(self.processes()[name]["statename"] in stopped for name in awaited),
            90,
            f"did not stop: {', '.join(sorted(awaited))}",
        )

    def shutdown(self) -> None:
        """End the daemon and everything that still runs under it."""
        if self.runs():
            self._call.shutdown()
            wait_until(lambda: not self.runs(), 90, "supervisord did not stop")
        self.end_orphans()

    def end_orphans(self) -> None:
        """End what runs without a daemon, because an earlier one was killed."""
        if not self.runs() and not _ended(self._stack, signal.SIGTERM, 20):
            _ended(self._stack, signal.SIGKILL, 5)


def orphans(stack: Stack) -> set[int]:
    """Processes of this stack that are still there, recognised by the mark in their environment."""
    mark = f"{MARK}={stack.state}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found


def _ended(stack: Stack, sent: signal.Signals, seconds: float) -> bool:
    """Send the signal once to every process of the stack, those born meanwhile too; True when none is left."""
    told: set[int] = set()
    deadline = time.monotonic() + seconds
    while left := orphans(stack):
        for pid in left - told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
        told |= left
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; a log that does not exist yet has none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return "    (nothing)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def wait_until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    """Ask again and again, ten times a second, and refuse with the complaint when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Refused(complaint)
        time.sleep(0.1)

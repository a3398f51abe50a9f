"""Waits until processes say that they are ready, and tells why one does not."""

from __future__ import annotations

import http.client
import time
import urllib.parse
from collections.abc import Iterable

from infra.local.progress import Refused
from infra.local.stack import Stack
from infra.local.supervision import Program, Supervisor, tail

PATIENCE_SECONDS = 180  # a small machine that starts everything at once; nothing waits longer than it must
STARTS_BEFORE_GIVING_UP = 3


def ready(address: str) -> bool:
    """True when the address answers 200; asked without any proxy."""
    parts = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=3)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait(stack: Stack, supervisor: Supervisor, programs: Iterable[Program]) -> None:
    """Wait until all are ready; refuse when one has died three times or the time is over, with its last words."""
    pending = {program.name: program for program in programs if program.ready}
    starts: dict[str, set[int]] = {name: set() for name in pending}
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, 0.1
    while pending:
        known = supervisor.processes()
        for name, program in list(pending.items()):
            process = known[name]
            if process["pid"]:
                starts[name].add(process["pid"])
            if process["statename"] in ("RUNNING", "STARTING") and ready(program.ready or ""):
                del pending[name]
            elif process["statename"] == "FATAL" or len(starts[name]) > STARTS_BEFORE_GIVING_UP:
                _refuse(stack, {name: "does not stay up"})
        if pending and time.monotonic() > deadline:
            _refuse(stack, dict.fromkeys(pending, f"is not ready after {PATIENCE_SECONDS} s"))
        if pending:
            time.sleep(pause)
            pause = min(1.0, pause * 1.2)  # every answer costs the starting process a look at its broker and database


def _refuse(stack: Stack, complaints: dict[str, str]) -> None:
    parts = []
    for name, complaint in complaints.items():
        log = stack.logs / f"{name}.log"
        parts.append(f"{name} {complaint}. Its last words ({log}):\n{tail(log)}")
    raise Refused("\n".join(parts))

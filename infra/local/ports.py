"""Refuses ports that somebody else holds, before anything is started on them."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from infra.local.progress import Refused
from infra.local.stack import HOST
from infra.local.supervision import Program


def refuse_taken(programs: Iterable[Program], running: set[str]) -> None:
    """Name every port of a program that does not run yet which another program listens on already."""
    taken = {
        port: program.name
        for program in programs
        if program.name not in running
        for port in program.ports
        if _listens(port)
    }
    if taken:
        names = ", ".join(f"{port} ({name})" for port, name in sorted(taken.items()))
        raise Refused(f"another program holds these ports: {names}\nStop it, or choose other ports with PORT_BASE=…")


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False

"""Lets the stack's province live: dossiers that arrive and are worked at by the clock, until the stack goes down."""

from __future__ import annotations

import hashlib
import os

from infra.local.processes import address
from infra.local.progress import Refused, step
from infra.local.stack import ROOT, Stack
from infra.local.supervision import Program, Supervisor
from infra.local.venv import PYTHON

NAME = "province"
PER_HOUR = 20.0
HISTORY = ("--history", "30", "--history-per-hour", "3")
"""A new stack begins with a month behind it, so that there are dossiers of every status and some that are late."""


def per_hour() -> float:
    """Dossiers an hour of office time, by IOC_PROVINCE; 0: the province stands still."""
    text = os.environ.get("IOC_PROVINCE") or str(PER_HOUR)
    try:
        wanted = float(text)
    except ValueError:
        raise Refused(f"IOC_PROVINCE={text!r} is no number of dossiers an hour") from None
    if not 0 <= wanted <= 2000:
        raise Refused(f"IOC_PROVINCE={text}: between 0 and 2000 dossiers an hour")
    return wanted


def lives(only: str | None) -> bool:
    """Whether `up` starts it: with everything, or where --only or IOC_PROCESSES names it."""
    names = {name.strip() for name in (only or os.environ.get("IOC_PROCESSES") or "").split(",")} - {""}
    return per_hour() > 0 and (not names or NAME in names)


def program(stack: Stack) -> Program:
    """The simulator under supervisor; nobody waits for it, and it waits for the others."""
    return Program(
        name=NAME,
        command=(str(PYTHON), "-m", "infra.simulators.province", "--per-hour", f"{per_hour() or PER_HOUR:g}", *HISTORY),
        folder=ROOT,
        environment={
            "DOSSIER_URL": address(stack, "dossier"),
            "OIDC_ISSUER": stack.url("oidc"),
            "OIDC_PASSWORD": stack.passwords.of("oidc", "demo"),
            "IOC_SOURCE": _source(),
        },
        priority=300,
        stop_seconds=10,
    )


def up(stack: Stack, supervisor: Supervisor, only: str | None) -> None:
    """Start it where it is wanted; stop it where it is not wanted any more."""
    if not lives(only):
        if per_hour() == 0:
            supervisor.stop({NAME} & supervisor.running())
        return
    with step(NAME) as current:
        supervisor.start([NAME])
        current.outcome = f"{per_hour():g} dossiers an hour in {stack.logs / NAME}.log; IOC_PROVINCE=0 leaves it out"


def _source() -> str:
    """Changes with the simulator and with the province that it lives in."""
    digest = hashlib.sha256((ROOT / "infra" / "seed" / "province.json").read_bytes())
    for path in sorted((ROOT / "infra" / "simulators" / "province").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]

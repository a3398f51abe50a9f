"""What each command of `python3 -m infra.local` does; runs inside the project's environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from infra.local import cameras, docker, folders, migrations, processes, province, readiness, seed, servers
from infra.local.ports import refuse_taken
from infra.local.progress import Refused, step
from infra.local.stack import SERVICES, Stack
from infra.local.supervision import Program, Supervisor


def up(stack: Stack, only: str | None) -> None:
    """Bring everything up in order; whatever already runs unchanged is left alone."""
    with stack.locked():
        stack.create()
        chosen = processes.wanted(only)
        supervisor = Supervisor(stack)
        server_programs, desk, rows, moved = _configure(stack, supervisor, [row.name for row in chosen], desk_too=True)
        servers.start(stack, supervisor, server_programs)
        watched = any(row.service == "ipcam" for row in chosen)
        no_cameras = cameras.start(stack, supervisor) if watched else None
        servers.wait_for_postgresql(stack, supervisor)
        supervisor.start(program.name for program in desk)
        migrations.up(stack, dict.fromkeys(row.service for row in chosen))
        if any(row.service == "dossier" for row in chosen):
            seed.up(stack)
        if watched:
            cameras.register(stack, with_cameras=no_cameras is None)
        servers.wait_for_rabbitmq(stack, supervisor)
        for program in desk:
            with step(program.name) as current:
                readiness.wait(stack, supervisor, [program])
                current.outcome = stack.url(program.name)
        if watched:
            cameras.wait(stack, supervisor, no_cameras)
        _start_services(stack, supervisor, [(row, rows[row.name]) for row in chosen], moved)
        province.up(stack, supervisor, only)


def _configure(
    stack: Stack, supervisor: Supervisor, chosen: Iterable[str], desk_too: bool
) -> tuple[list[Program], list[Program], dict[str, Program], set[str]]:
    """Hand supervisor everything that this stack may run: servers, mailbox and accounts, every service process.

    First ends what a killed supervisor left behind, and refuses when what is about to start cannot have its ports.
    The last of the answer names what ran with other settings and was started again.
    """
    supervisor.end_orphans()
    server_programs = servers.prepare(stack)
    desk = processes.desk_programs(stack)
    rows = {row.name: processes.program(stack, row) for row in processes.wanted(",".join(SERVICES))}
    starting = [*server_programs, *(desk if desk_too else []), *(rows[name] for name in chosen)]
    refuse_taken(starting, supervisor.running())
    stopped = supervisor.configure(
        [*server_programs, *desk, cameras.program(stack), *rows.values(), province.program(stack)]
    )
    supervisor.start(stopped)
    return server_programs, desk, rows, set(stopped)


def _start_services(
    stack: Stack, supervisor: Supervisor, chosen: list[tuple[processes.Process, Program]], moved: set[str]
) -> None:
    """Start all that do not run at once, then wait for one service after the other."""
    started = moved | set(supervisor.start(row.name for row, _ in chosen))
    for service in dict.fromkeys(row.service for row, _ in chosen):
        own = [(row, program) for row, program in chosen if row.service == service]
        with step(service) as current:
            readiness.wait(stack, supervisor, [program for _, program in own])
            new = any(row.name in started for row, _ in own)
            current.outcome = " ".join(row.job for row, _ in own) + ("" if new else "  (ran already)")


def servers_up(stack: Stack) -> None:
    """Only PostgreSQL and RabbitMQ, with the databases, roles and accounts of the services."""
    with stack.locked():
        stack.create()
        supervisor = Supervisor(stack)
        server_programs, *_ = _configure(stack, supervisor, [], desk_too=False)
        servers.start(stack, supervisor, server_programs)
        servers.wait_for_postgresql(stack, supervisor)
        servers.wait_for_rabbitmq(stack, supervisor)


def servers_down(stack: Stack) -> None:
    """Stop the servers; supervisor too when nothing else runs under it."""
    stack.refuse_foreign()
    with stack.locked():
        supervisor = Supervisor(stack)
        _stop_servers(stack, supervisor)
        if not supervisor.running():
            supervisor.shutdown()


def down(stack: Stack) -> None:
    """Stop what this stack started, the last started first: services, then mailbox and accounts, then the servers."""
    stack.refuse_foreign()
    with stack.locked():
        supervisor = Supervisor(stack)
        running = supervisor.running()
        supervisor.stop({province.NAME} & running)
        rows = {row.name for row in processes.PROCESSES} & running
        if rows:
            with step("services") as current:
                supervisor.stop(rows)
                current.outcome = "stopped"
        supervisor.stop({"mailbox", "oidc", "portal"} & running)
        _stop_servers(stack, supervisor)
        supervisor.shutdown()


def _stop_servers(stack: Stack, supervisor: Supervisor) -> None:
    with step("servers") as current:
        if servers.recorded_kind(stack) == "docker":
            docker.down(stack)
        for name in servers.names(stack):
            supervisor.stop({name} & supervisor.running())
        current.outcome = "stopped"


def clean(stack: Stack) -> None:
    """Stop everything and forget the data."""
    stack.refuse_foreign()
    down(stack)
    with step("data") as current:
        if servers.recorded_kind(stack) == "docker":
            docker.delete(stack)
        folders.delete(stack)
        current.outcome = f"{stack.state} deleted"


def control(stack: Stack, action: str, names: Iterable[str]) -> None:
    """start, stop or restart processes by name (`dossier-web`) or by service (`dossier`)."""
    supervisor = Supervisor(stack)
    known = supervisor.processes()
    chosen = [name for name in known if any(name == word or name.startswith(f"{word}-") for word in names)]
    if not chosen:
        raise Refused(f"no such process; there are: {', '.join(sorted(known)) or 'none: the stack is down'}")
    with step(action) as current, stack.locked():
        if action in ("stop", "restart"):
            supervisor.stop(chosen)
        if action in ("start", "restart"):
            supervisor.start(chosen)
        current.outcome = " ".join(chosen)


def logs(stack: Stack, name: str | None, lines: int, follow: bool) -> None:
    """Show the end of the logs, and what is added to them until interrupted."""
    if servers.recorded_kind(stack) == "docker" and name in ("postgresql", "rabbitmq"):
        print(docker.logs(stack, lines), end="")
        return
    files = sorted(stack.logs.glob("*.log")) if stack.logs.exists() else []
    chosen = [path for path in files if name is None or path.stem == name or path.stem.startswith(f"{name}-")]
    if not chosen:
        raise Refused(f"no such log; there are: {', '.join(path.stem for path in files) or 'none'}")
    tail = shutil.which("tail") or "tail"
    words = [tail, "-n", str(lines), *(["-F"] if follow else []), "--", *map(str, chosen)]
    os.execv(tail, words)

"""PostgreSQL and RabbitMQ of one stack: containers where Docker answers, else private ones of Debian's packages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from infra.local import debian, docker, postgres, rabbitmq
from infra.local.progress import Refused, step
from infra.local.stack import HOST, Stack
from infra.local.supervision import Program, Supervisor, tail, wait_until

KINDS = ("docker", "packages")
PATIENCE_SECONDS = 120


def kind(stack: Stack) -> str:
    """`docker` or `packages`: what holds the data already, else what IOC_SERVERS says, else what is there."""
    record = stack.state / "servers"
    forced = os.environ.get("IOC_SERVERS", "")
    if forced not in ("", *KINDS):
        raise Refused(f"IOC_SERVERS={forced!r} is neither docker nor packages")
    if record.exists():
        known = record.read_text().strip()
        if forced and forced != known:
            raise Refused(
                f"the data of {stack.state} is in {known}; `clean` forgets it, then IOC_SERVERS={forced} works"
            )
        return known
    chosen = forced or ("docker" if docker.engine_answers() else "packages")
    record.write_text(f"{chosen}\n")
    return chosen


def recorded_kind(stack: Stack) -> str | None:
    record = stack.state / "servers"
    return record.read_text().strip() if record.exists() else None


def prepare(stack: Stack) -> list[Program]:
    """Install what is missing where we may, write the servers' settings; the programs that supervisor shall run."""
    if kind(stack) == "docker":
        return []
    missing = [module.PACKAGE for module in (postgres, rabbitmq) if not module.installed()]
    debian.install(missing, "PostgreSQL and RabbitMQ are needed (or a Docker engine)")
    return [postgres.prepare(stack), *rabbitmq.prepare(stack)]


def start(stack: Stack, supervisor: Supervisor, programs: list[Program]) -> None:
    """Start both servers together, without waiting for either."""
    if kind(stack) == "docker":
        with step("containers") as current:
            docker.up(stack)
            current.outcome = "docker compose"
    else:
        supervisor.start(program.name for program in programs)


def wait_for_postgresql(stack: Stack, supervisor: Supervisor) -> None:
    """Wait until it lets us in, then make the services' databases and roles that are missing."""
    with step("postgresql") as current:
        _wait(stack, supervisor, "postgresql", postgres.answers)
        new = postgres.ensure_databases(stack)
        current.outcome = f"{HOST}:{stack.port('postgresql')}" + (f", made {', '.join(new)}" if new else "")


def wait_for_rabbitmq(stack: Stack, supervisor: Supervisor) -> None:
    with step("rabbitmq") as current:
        _wait(stack, supervisor, "rabbitmq", rabbitmq.answers)
        current.outcome = f"{HOST}:{stack.port('rabbitmq')}"


def _wait(stack: Stack, supervisor: Supervisor, name: str, answers: Callable[[Stack], bool]) -> None:
    """Wait for a server, but no longer than it lives."""
    deadline = time.monotonic() + PATIENCE_SECONDS

    def ready() -> bool:
        process = supervisor.processes().get(name)
        if (process and process["statename"] == "FATAL") or time.monotonic() > deadline:
            raise Refused(f"{name} did not start. Its last words:\n{tail(stack.logs / f'{name}.log')}")
        return answers(stack)

    wait_until(ready, PATIENCE_SECONDS + 5, f"{name} did not answer within {PATIENCE_SECONDS} s")


def names(stack: Stack) -> list[str]:
    """What supervisor calls the servers, the last to stop last; empty when they are containers."""
    return [] if recorded_kind(stack) == "docker" else ["rabbitmq", "epmd", "postgresql"]

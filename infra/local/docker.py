"""PostgreSQL and RabbitMQ in containers, when a Docker engine answers: same ports and accounts as private ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from infra.local import rabbitmq
from infra.local.postgres import SUPERUSER
from infra.local.progress import Refused
from infra.local.stack import ROOT, Stack

COMPOSE_FILE = ROOT / "infra" / "compose" / "servers.yaml"


def engine_answers() -> bool:
    """True when `docker compose` is there and an engine answers it within five seconds."""
    if not shutil.which("docker"):
        return False
    try:
        for question in (["docker", "compose", "version"], ["docker", "info", "--format", "{{.ServerVersion}}"]):
            answer = subprocess.run(question, capture_output=True, text=True, timeout=5)
            if answer.returncode or not answer.stdout.strip():
                return False
    except (OSError, subprocess.TimeoutExpired):
        return False
    return True


def up(stack: Stack) -> None:
    """Write what the containers read and start those that do not run."""
    folder = stack.state / "compose"
    folder.mkdir(exist_ok=True)
    files = rabbitmq.configuration(
        stack, definitions="/etc/rabbitmq/definitions.json", listen="0.0.0.0:5672", metrics=("0.0.0.0", 15692)
    )
    for name, text in files.items():  # readable by the container's own account; hashes, no passwords
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    _compose(stack, "up", "--detach", "--remove-orphans")


def down(stack: Stack) -> None:
    _compose(stack, "stop")


def delete(stack: Stack) -> None:
    """Remove the containers and their volumes: the data is gone."""
    _compose(stack, "down", "--volumes")


def logs(stack: Stack, lines: int) -> str:
    return _compose(stack, "logs", "--no-color", "--tail", str(lines))


def _compose(stack: Stack, *arguments: str) -> str:
    """Run compose for this stack's project; passwords go by environment, never by argument."""
    environment = dict(os.environ) | {
        "IOC_SETTINGS_FOLDER": str(stack.state / "compose"),
        "IOC_POSTGRESQL_PORT": str(stack.port("postgresql")),
        "IOC_RABBITMQ_PORT": str(stack.port("rabbitmq")),
        "IOC_RABBITMQ_METRICS_PORT": str(stack.port("rabbitmq-metrics")),
        "POSTGRES_USER": SUPERUSER,
        "POSTGRES_PASSWORD": stack.passwords.of("postgresql", SUPERUSER),
    }
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), "--project-name", _project(stack), *arguments]
    result = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        raise Refused(f"docker compose {arguments[0]} failed:\n{result.stderr.strip()}")
    return result.stdout


def _project(stack: Stack) -> str:
    """One compose project per state folder, kept with it so that moved ports find the same containers."""
    record: Path = stack.state / "compose_project"
    if not record.exists():
        record.write_text(f"ioc-{stack.port_base}-{os.urandom(3).hex()}\n")
    return record.read_text().strip()

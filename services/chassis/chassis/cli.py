"""`python -m <service> …`: one image, one entry point, one job a process."""

from __future__ import annotations

import dataclasses
import gc
import getpass
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any, Protocol

import click

from chassis.service import Service
from chassis.settings import (
    GROUPS,
    AuthSettings,
    BrokerSettings,
    DatabaseSettings,
    LogSettings,
    MigrationSettings,
    ProbeSettings,
    RelaySettings,
    WebSettings,
    WorkerSettings,
    check,
    read,
)


def main(service: Service) -> None:
    """Run the command line of a service."""
    from chassis.contracts import contracts
    from chassis.operating import apikey, audit, dead, replay

    group = click.Group(
        service.name,
        commands=[web, worker, relay, migrate, replay, settings, dead, audit, apikey, contracts, *service.commands],
        help=f"The {service.name} service. Every process reads only its environment; see `settings`.",
    )
    group(obj=service)


def start(service: Service, process: str, *groups: type[Any]) -> None:
    """Logs and traces of a process, after all the settings that it will read were found sound."""
    from chassis import logs, tracing

    gc.set_threshold(20_000, 20)  # events come and go by the hundred: a search for cycles each 700 objects finds none
    check(LogSettings, *groups)
    settings = read(LogSettings)
    logs.configure(settings, service.name, process)
    tracing.configure(settings, service.name, process)


def open_database(service: Service, process: str, ping: bool = True) -> Any:
    """The service's database under a name that `pg_stat_activity` shows."""
    from chassis.database import Database

    return Database(read(DatabaseSettings), f"{service.name}-{process}", ping)


@click.command()
@click.pass_obj
def web(service: Service) -> None:
    """Serve the HTTP API (gunicorn)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # in memory, like gunicorn's heartbeats: the root is read-only
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=f"{service.name}-metrics-", dir="/dev/shm")
    from chassis.gunicorn_server import serve

    start(service, "web", WebSettings, AuthSettings, DatabaseSettings, *service.settings)
    serve(service, read(WebSettings), read(AuthSettings), read(DatabaseSettings))


@click.command()
@click.pass_obj
def worker(service: Service) -> None:
    """Take events and commands from the inbox (nameko)."""
    from chassis.worker import Worker

    if service.handlers is None:
        raise click.ClickException(f"{service.name} takes no events")
    start(service, "worker", DatabaseSettings, BrokerSettings, WorkerSettings, ProbeSettings)
    from prometheus_client import REGISTRY

    from chassis import broker, metrics

    database, broker_settings = open_database(service, "worker", ping=False), read(BrokerSettings)
    process = Worker(service.load(service.handlers), database, broker_settings, read(WorkerSettings))
    REGISTRY.register(metrics.WaitingEvents(database))
    checks = {
        "database": database.answers,
        "broker": lambda: broker.answers(broker_settings),
        "reading": process.ready,
    }
    process.serve_probes(read(ProbeSettings), checks)
    sys.exit(process.run())


class Loop(Protocol):
    """A process that works until `stopping` is set."""

    stopping: threading.Event

    def run(self) -> None:
        """Work; returns after what is in hand is finished."""


def run_loop(service: Service, process: str, build: Callable[[Any], Loop], **more_checks: Callable[[], bool]) -> None:
    """Run a loop with logs, probes and an orderly stop; `build` is given the service's database."""
    from chassis import probes

    start(service, process, DatabaseSettings, ProbeSettings)
    database = open_database(service, process)
    loop = build(database)
    probes.serve(read(ProbeSettings), {"database": database.answers, **more_checks})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stopping.set())
    loop.run()


@click.command()
@click.pass_obj
def relay(service: Service) -> None:
    """Publish the outbox, and seal the audit chain; one is active, others stand by."""
    from chassis import broker
    from chassis.relay import Relay

    check(LogSettings, DatabaseSettings, ProbeSettings, BrokerSettings, RelaySettings)
    settings = read(BrokerSettings)
    run_loop(
        service,
        "relay",
        lambda database: Relay(service.name, database, settings, read(RelaySettings)),
        broker=lambda: broker.answers(settings),
    )


@click.command()
@click.pass_obj
def migrate(service: Service) -> None:
    """Bring the database to the newest migration."""
    from chassis.migrate import upgrade

    upgrade(service, read(MigrationSettings))
    click.echo(f"{service.name}: database is at the newest migration")


def echo(row: Any) -> None:
    """One JSON object a line, so that `jq` reads it."""
    click.echo(json.dumps(row, ensure_ascii=False, default=str))


def operator() -> Any:
    """Act as the person at the shell, for the audit chain."""
    from chassis.context import Caller, Context, new_id, running

    return running(Context(new_id(), caller=Caller(subject=f"shell:{getpass.getuser()}", role="operator")))


@click.command()
@click.pass_obj
def settings(service: Service) -> None:
    """Print every environment variable, what it means and its default."""
    for group in (*GROUPS, *service.setting_groups):
        click.echo(f"\n{(group.__doc__ or '').strip()}")
        for field in dataclasses.fields(group):
            default = "required" if field.default is dataclasses.MISSING else f"default {field.default!r}"
            click.echo(f"  {field.metadata['name']:34} {field.metadata['doc']} ({default})")

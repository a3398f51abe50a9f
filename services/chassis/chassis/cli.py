"""`python -m <service> …`: one image, one entry point, one job a process."""

from __future__ import annotations

import dataclasses
import datetime
import gc
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


@click.command()
@click.option("--to", required=True, help="The one consumer, such as stats.inbox.")
@click.option("--type", "types", multiple=True, help="Only events of this type; may be repeated.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="UTC; default: from the first.")
@click.pass_obj
def replay(service: Service, to: str, types: tuple[str, ...], since: datetime.datetime | None) -> None:
    """Send stored events to one consumer again; what it has handled it leaves out."""
    from chassis import feed

    def progress(sent: int, total: int) -> None:
        click.echo(f"\r{sent} of {total} events", nl=sent == total, err=True)

    try:
        sent = feed.replay(
            service.name,
            open_database(service, "replay"),
            read(BrokerSettings),
            to,
            types,
            since and since.replace(tzinfo=datetime.UTC),
            progress,
        )
    except feed.NoSuchConsumer as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{sent} events sent to {to}")


@click.command()
@click.pass_obj
def settings(service: Service) -> None:
    """Print every environment variable, what it means and its default."""
    for group in (*GROUPS, *service.setting_groups):
        click.echo(f"\n{(group.__doc__ or '').strip()}")
        for field in dataclasses.fields(group):
            default = "required" if field.default is dataclasses.MISSING else f"default {field.default!r}"
            click.echo(f"  {field.metadata['name']:34} {field.metadata['doc']} ({default})")


@click.group()
def dead() -> None:
    """Events that are parked or dead: list, show, retry, discard."""


def echo(row: Any) -> None:
    """One JSON object a line, so that `jq` reads it."""
    click.echo(json.dumps(row, ensure_ascii=False, default=str))


@dead.command("list")
@click.option("--state", type=click.Choice(["parked", "dead"]), default=None)
@click.option("--groups", is_flag=True, help="Count by error instead.")
@click.option("--limit", default=100, show_default=True)
@click.pass_obj
def dead_list(service: Service, state: str | None, groups: bool, limit: int) -> None:
    """List what waits, oldest first."""
    from chassis import dead as store

    with open_database(service, "dead").transaction() as tx:
        for row in store.groups(tx, state) if groups else store.list_events(tx, state, 0, limit):
            echo(row)


@dead.command("show")
@click.argument("number", type=int)
@click.pass_obj
def dead_show(service: Service, number: int) -> None:
    """Show one event with its bytes."""
    from chassis import dead as store

    with open_database(service, "dead").transaction() as tx, not_found():
        echo(store.show(tx, number))


@dead.command("retry")
@click.argument("numbers", type=int, nargs=-1, required=True)
@click.pass_obj
def dead_retry(service: Service, numbers: tuple[int, ...]) -> None:
    """Give events their attempts again."""
    from chassis import dead as store

    with open_database(service, "dead").transaction() as tx, operator(), not_found():
        for number in numbers:
            store.retry(tx, number)
    click.echo(f"{len(numbers)} will be tried again")


@dead.command("discard")
@click.argument("numbers", type=int, nargs=-1, required=True)
@click.confirmation_option(prompt="Delete for good?")
@click.pass_obj
def dead_discard(service: Service, numbers: tuple[int, ...]) -> None:
    """Delete events for good."""
    from chassis import dead as store

    with open_database(service, "dead").transaction() as tx, operator(), not_found():
        for number in numbers:
            store.discard(tx, number)
    click.echo(f"{len(numbers)} deleted")


def not_found() -> Any:
    """Turn an unknown number into a plain error of the command."""
    import contextlib

    from chassis.dead import NoSuchEvent

    @contextlib.contextmanager
    def guard() -> Any:
        try:
            yield
        except NoSuchEvent as error:
            raise click.ClickException(f"no event {error} waits here") from None

    return guard()


def operator() -> Any:
    """Act as the person at the shell, for the audit chain."""
    import getpass

    from chassis.context import Caller, Context, new_id, running

    return running(Context(new_id(), caller=Caller(subject=f"shell:{getpass.getuser()}", role="operator")))


@click.group()
def audit() -> None:
    """The audit chain."""


@audit.command("verify")
@click.option("--head", default=None, help="A hash noted earlier that the chain must still contain.")
@click.pass_obj
def audit_verify(service: Service, head: str | None) -> None:
    """Recompute the whole chain; exit 1 where it is broken."""
    from chassis.audit import verify

    verdict = verify(open_database(service, "audit"), head)
    echo(dataclasses.asdict(verdict))
    sys.exit(1 if verdict.broken else 0)


@click.group()
def apikey() -> None:
    """Keys of machines."""


@apikey.command("create")
@click.option("--name", required=True, help="Who uses it.")
@click.option("--scope", "scopes", multiple=True, required=True)
@click.option("--unit", default=None, help="Unit that it may act for; * for all.")
@click.option("--per-minute", type=int, default=None, help="Requests per minute.")
@click.pass_obj
def apikey_create(
    service: Service, name: str, scopes: tuple[str, ...], unit: str | None, per_minute: int | None
) -> None:
    """Create a key and print it, this once."""
    from chassis.auth import create_key

    with open_database(service, "apikey").transaction() as tx, operator():
        click.echo(create_key(tx, name, list(scopes), unit, per_minute).text)


@apikey.command("list")
@click.pass_obj
def apikey_list(service: Service) -> None:
    """List keys, without secrets."""
    from chassis.auth import list_keys

    with open_database(service, "apikey").transaction() as tx:
        for row in list_keys(tx):
            echo(row)


@apikey.command("revoke")
@click.argument("prefix")
@click.pass_obj
def apikey_revoke(service: Service, prefix: str) -> None:
    """End a key at once."""
    from chassis.auth import revoke_key

    with open_database(service, "apikey").transaction() as tx, operator():
        if not revoke_key(tx, prefix):
            raise click.ClickException(f"no live key {prefix}")
    click.echo(f"{prefix} revoked")

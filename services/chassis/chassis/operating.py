"""What an operator does at the shell: replay events, settle dead ones, verify the audit chain, give out keys.

Each command imports what it needs: every process of a service loads this module.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import sys
from collections.abc import Iterator

import click

from chassis.cli import echo, open_database, operator
from chassis.service import Service
from chassis.settings import BrokerSettings, read


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


@click.group()
def dead() -> None:
    """Events that are parked or dead: list, show, retry, discard."""


@contextlib.contextmanager
def not_found() -> Iterator[None]:
    """Turn an unknown number into a plain error of the command."""
    from chassis.dead import NoSuchEvent

    try:
        yield
    except NoSuchEvent as error:
        raise click.ClickException(f"no event {error} waits here") from None


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

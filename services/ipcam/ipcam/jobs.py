"""The processes and commands of ipcam; each imports what its own job needs, and no more."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import IO

import click

from chassis.cli import open_database, operator, run_loop, start
from chassis.service import Service
from chassis.settings import AuthSettings, DatabaseSettings, WebSettings, read
from ipcam.settings import CredentialSettings, LiveSettings


@click.command()
@click.pass_obj
def watcher(service: Service) -> None:
    """Watch a fair share of the cameras; several may run."""
    from ipcam.watcher import build

    run_loop(service, "watcher", build)


@click.command()
@click.pass_obj
def live(service: Service) -> None:
    """Show living pictures: HLS without re-encoding, while somebody looks; one process, many threads."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # in memory, as for `web`
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ipcam-live-metrics-", dir="/dev/shm")
    from chassis.database import Database
    from chassis.gunicorn_server import Server
    from ipcam.live_views import build_live

    start(service, "live", WebSettings, AuthSettings, DatabaseSettings, CredentialSettings, LiveSettings)
    # The pieces of a picture lie with the process that reads the camera, so there is one; it waits much and works little.
    web = dataclasses.replace(read(WebSettings), workers=1, threads=64)
    auth, database = read(AuthSettings), read(DatabaseSettings)
    Server(web, lambda: build_live(auth, web, Database(database, "ipcam-live"))).run()


@click.command()
@click.argument("file", type=click.File("r"))
@click.pass_obj
def load(service: Service, file: IO[str]) -> None:
    """Load sites and cameras from a JSON file (- is the input); what is there already is brought up to it."""
    from ipcam.loading import load_registry

    with open_database(service, "load").transaction() as tx, operator():
        click.echo(load_registry(tx, file.read()))

"""The process that asks cameras whether their stream answers: reserve, commit, ask, record, commit."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from chassis import logs
from chassis.cli import run_loop
from chassis.database import Database, is_away
from chassis.outbox import announce
from chassis.service import Service
from chassis.settings import read
from ipcam import store
from ipcam.credentials import Safe
from ipcam.domain.health import WELL, HealthChanged, Sighting, Status, watch
from ipcam.events import HEALTH
from ipcam.probe import probe
from ipcam.settings import CredentialSettings, ProbingSettings

log = logs.get(__name__)


class Prober:
    """Asks the cameras that are due; several may run, no camera is asked by two at once."""

    def __init__(self, database: Database, safe: Safe, settings: ProbingSettings) -> None:
        self.database = database
        self.safe = safe
        self.settings = settings
        self.stopping = threading.Event()

    def run(self) -> None:
        """Claim, ask side by side, pause."""
        with ThreadPoolExecutor(self.settings.threads, thread_name_prefix="probe") as pool:
            while not self.stopping.is_set():
                try:
                    with self.database.transaction() as tx:
                        claimed = store.claim_due(tx, self.settings.every_s, self.settings.threads)
                    list(pool.map(self.ask, claimed))
                except Exception as error:
                    if not is_away(error):
                        log.exception("prober failed")
                    claimed = []
                if not claimed:
                    self.stopping.wait(0.5)

    def ask(self, camera: Any) -> None:
        """Ask one camera and keep the answer; a change of health is announced in the same transaction."""
        account = self.safe.unlock(camera.credentials)
        username, password = (account.username, account.password) if account else (None, None)
        answer = probe(camera.rtsp_url, username, password, self.settings.timeout_s)
        sighting = WELL if answer.ok else Sighting(Status.OFFLINE, answer.reason)
        at = datetime.datetime.now(datetime.UTC)
        with self.database.transaction() as tx:
            health = store.lock_health(tx, camera.id)
            if health is None:
                return
            health, changed = watch(health, sighting, at)
            store.record_health(tx, camera.id, health, dataclasses.asdict(answer) if answer.ok else None)
            if changed:
                announce(tx, HEALTH[changed.status], camera.id, describe(camera, changed))
                log.info("camera", camera=camera.id, status=changed.status, reason=changed.reason)


def describe(camera: Any, changed: HealthChanged) -> dict[str, Any]:
    """The data of a health event."""
    return {
        "camera": camera.id,
        "site": camera.site,
        "was": changed.was,
        "reason": changed.reason,
        "since": changed.since,
        "at": changed.at,
    }


@click.command()
@click.pass_obj
def prober(service: Service) -> None:
    """Ask cameras whether their streams answer."""
    run_loop(
        service,
        "prober",
        lambda database: Prober(database, Safe(read(CredentialSettings).key), read(ProbingSettings)),
    )

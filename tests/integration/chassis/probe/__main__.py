"""`python -m tests.integration.chassis.probe web|worker|relay|migrate|…`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chassis.cli import main
from chassis.service import Service

PACKAGE = "tests.integration.chassis.probe"


class ProbeService(Service):
    """A service whose name differs from its package's."""

    @property
    def root(self) -> Path:
        """The folder with the migrations."""
        return Path(__file__).resolve().parent

    @property
    def events(self) -> Any:
        """What it writes and reads."""
        from tests.integration.chassis.probe import events

        return events


def service() -> ProbeService:
    """The probe under the name that the environment gives it."""
    import os

    return ProbeService(
        name=os.environ.get("PROBE_NAME", "probe"),
        handlers=f"{PACKAGE}.handlers:Probe",
        views=f"{PACKAGE}.views:BLUEPRINTS",
        domain_errors=f"{PACKAGE}.views:domain_errors",
    )


if __name__ == "__main__":
    main(service())

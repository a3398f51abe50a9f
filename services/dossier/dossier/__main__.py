"""`python -m dossier web|worker|relay|migrate|catalogue|…`."""

from chassis.cli import main
from chassis.service import Service
from dossier.catalogue import catalogue
from dossier.settings import FileSettings, LookupSettings, WatchSettings
from dossier.watch import scheduler

SERVICE = Service(
    name="dossier",
    handlers="dossier.handlers:Dossiers",
    views="dossier.views:BLUEPRINTS",
    domain_errors="dossier.errors:problem_of",
    commands=(catalogue, scheduler),
    settings=(LookupSettings, FileSettings, WatchSettings),
)

if __name__ == "__main__":
    main(SERVICE)

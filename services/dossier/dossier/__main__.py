"""`python -m dossier web|worker|relay|migrate|catalogue|…`."""

from chassis.cli import main
from chassis.objects import ObjectSettings
from chassis.service import Service
from dossier.catalogue_load import catalogue
from dossier.import_command import import_file
from dossier.portal import portal
from dossier.portal_catalogue import procedures
from dossier.portal_reconcile import reconcile
from dossier.settings import FileSettings, ImportSettings, LookupSettings, PortalSwitch, WatchSettings
from dossier.watch import scheduler

SERVICE = Service(
    name="dossier",
    handlers="dossier.handlers:Dossiers",
    views="dossier.views:BLUEPRINTS",
    domain_errors="dossier.errors:problem_of",
    commands=(catalogue, import_file, scheduler, portal, reconcile, procedures),
    settings=(LookupSettings, FileSettings, ObjectSettings, ImportSettings, WatchSettings, PortalSwitch),
)

if __name__ == "__main__":
    main(SERVICE)

"""`python -m ipcam web|relay|watcher|live|migrate|…`."""

from chassis.cli import main
from chassis.objects import ObjectSettings
from chassis.service import Service
from ipcam.jobs import live, load, watcher
from ipcam.settings import CredentialSettings, LiveSettings, PictureSettings, ProbingSettings, RetentionSettings

SERVICE = Service(
    name="ipcam",
    views="ipcam.views:BLUEPRINTS",
    domain_errors="ipcam.errors:problem_of",
    commands=(watcher, live, load),
    settings=(CredentialSettings, ProbingSettings, PictureSettings, ObjectSettings, RetentionSettings, LiveSettings),
)

if __name__ == "__main__":
    main(SERVICE)

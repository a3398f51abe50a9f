"""`python -m ipcam web|relay|prober|migrate|…`."""

from chassis.cli import main
from chassis.service import Service
from ipcam.prober import prober

SERVICE = Service(
    name="ipcam", views="ipcam.views:BLUEPRINTS", domain_errors="ipcam.errors:problem_of", commands=(prober,)
)

if __name__ == "__main__":
    main(SERVICE)

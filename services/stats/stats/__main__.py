"""`python -m stats web|worker|relay|migrate|…`."""

from chassis.cli import main
from chassis.service import Service

SERVICE = Service(name="stats", handlers="stats.handlers:Stats", views="stats.views:BLUEPRINTS")

if __name__ == "__main__":
    main(SERVICE)

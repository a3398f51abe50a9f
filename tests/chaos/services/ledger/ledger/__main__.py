"""`python -m ledger worker|relay|migrate`."""

from chassis.cli import main
from chassis.service import Service

SERVICE = Service(name="ledger", handlers="ledger.handlers:Ledger")

if __name__ == "__main__":
    main(SERVICE)

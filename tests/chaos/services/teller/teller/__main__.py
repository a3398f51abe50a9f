"""`python -m teller relay|migrate|load`."""

from chassis.cli import main
from chassis.service import Service
from teller.load import load

SERVICE = Service(name="teller", commands=[load])

if __name__ == "__main__":
    main(SERVICE)

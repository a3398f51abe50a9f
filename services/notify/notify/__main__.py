"""`python -m notify web|worker|relay|sender|migrate|…`."""

from chassis.cli import main
from chassis.service import Service
from notify.sender import sender

SERVICE = Service(
    name="notify",
    handlers="notify.handlers:Notify",
    views="notify.views:BLUEPRINTS",
    commands=(sender,),
)

if __name__ == "__main__":
    main(SERVICE)

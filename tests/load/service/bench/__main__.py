"""`python -m bench web|worker|relay|migrate|…`; BENCH_HANDLER=each handles events one by one instead of by the list."""

import os

from chassis.cli import main
from chassis.service import Service

HANDLERS = {"list": "bench.handlers:ByTheList", "each": "bench.handlers:OneByOne"}
SERVICE = Service(
    name="bench", handlers=HANDLERS[os.environ.get("BENCH_HANDLER", "list")], views="bench.views:BLUEPRINTS"
)

if __name__ == "__main__":
    main(SERVICE)

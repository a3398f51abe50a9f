"""Another team's service, which knows nothing of ours: nameko's own event handler, run by nameko's own runner."""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import json
import os
import sys

from nameko.events import event_handler
from nameko.runners import ServiceRunner


class Foreign:
    """Prints what it was given."""

    name = f"{os.environ['SOURCE']}-foreign"

    @event_handler(os.environ["SOURCE"], os.environ["EVENT_TYPE"])
    def on_event(self, payload):
        """A handler as in nameko's documentation."""
        print(json.dumps([type(payload).__name__, payload], ensure_ascii=False), flush=True)


runner = ServiceRunner({"AMQP_URI": os.environ["AMQP_URL"]})
runner.add_service(Foreign)
runner.start()
print("started", flush=True)
try:
    runner.wait()
except KeyboardInterrupt:
    runner.stop()
sys.exit(0)

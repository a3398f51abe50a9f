"""What a service's entry point imports before eventlet patches must not be able to stop the worker's hub."""

from __future__ import annotations

import subprocess
import sys

import pytest

HUB_STAYS_FREE = """
import socketserver, http.server, selectors, importlib, socket, sys
importlib.import_module(sys.argv[1] + ".__main__")
from chassis.worker import Worker
from chassis.settings import ProbeSettings
import eventlet
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); port = listener.getsockname()[1]; listener.close()
Worker.serve_probes(None, ProbeSettings(port=port), {})
with eventlet.Timeout(5):
    eventlet.sleep(0.01)
    client = eventlet.connect(("127.0.0.1", port))
    client.sendall(b"GET /livez HTTP/1.0\\r\\n\\r\\n")
    assert b"200" in client.recv(100)
"""


@pytest.mark.parametrize("service", ["dossier", "notify", "stats"])
def test_the_probes_of_a_worker_never_stop_its_hub(service: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HUB_STAYS_FREE, service]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

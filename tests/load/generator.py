"""Sends POSTs over several kept-open connections: Debian's `wrk` where there is one, otherwise threads of our own."""

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.load.web import Web

SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True)
class Load:
    """`refused` counts answers that were not 2xx, `broken` connections that failed."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int


def name() -> str:
    return "wrk" if shutil.which("wrk") else "threads of our own"


def post(web: Web, seconds: float, connections: int = 16) -> Load:
    """POST the body of `web` over and over; with `idempotency_keys` each request has a key of its own."""
    return (_wrk if shutil.which("wrk") else _threads)(web, seconds, connections)


def _wrk(web: Web, seconds: float, connections: int) -> Load:
    environment = {**os.environ, "BENCH_BODY": json.dumps(web.body)}
    if web.token:
        environment["BENCH_TOKEN"] = web.token
    if web.idempotency_keys:
        environment["BENCH_KEYS"] = uuid.uuid4().hex
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(SCRIPT), web.url]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def _threads(web: Web, seconds: float, connections: int) -> Load:
    times: list[float] = []
    refused: list[int] = []
    broken: list[BaseException] = []
    body = json.dumps(web.body)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {web.token}"} if web.token else {})
    start = time.monotonic()

    def client() -> None:
        parts = urlsplit(web.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        while time.monotonic() < start + seconds:
            sent = time.monotonic()
            key = {"Idempotency-Key": uuid.uuid4().hex} if web.idempotency_keys else {}
            try:
                connection.request("POST", parts.path, body, headers | key)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                broken.append(error)
                connection.close()
                continue
            times.append(time.monotonic() - sent)
            if response.status // 100 != 2:
                refused.append(response.status)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(connections)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    elapsed = time.monotonic() - start
    p50, p99 = percentile(times, 50) * 1e3, percentile(times, 99) * 1e3
    return Load(len(times), elapsed, p50, p99, len(refused), len(broken))


def percentile(values: list[float], percent: float) -> float:
    """The value below which `percent` of the values lie (nearest rank); 0 of nothing is 0."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

"""Dossiers a second of an import, against the same dossiers posted one by one.

`python -m tests.load.dossier_import [--dossiers N] [--posts N] [--keep]` makes a database of its own on the servers of
BENCH_STATE and BENCH_PORT_BASE (default: the benchmark's); short by default. The aim is an import of at least 20 times as
many dossiers a second as single posts; what is compared is the same work: filed only, and with the whole history.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from infra.local.stack import ROOT
from tests.integration.dossier.importing import finished, line
from tests.integration.dossier.watching import World, make_template
from tests.load import servers

AIM = 20.0


def measure(options: argparse.Namespace) -> None:
    """Post, then import, with one process each way."""
    with servers.dossier_stack() as stack:
        make_template(stack)
        for name, acts in (("filed only", []), ("whole history of 6 acts", finished())):
            with tempfile.TemporaryDirectory() as folder:
                world = World(stack, Path(folder))
                try:
                    posts = post(world, len(acts) and 6, options.posts)
                    imports = import_file(world, Path(folder), acts, options.dossiers)
                finally:
                    world.close()
            times = imports / posts
            print(f"{name}: {posts:,.0f} dossiers/s posted one by one, {imports:,.0f} imported, {times:.1f} times"
                  f" (aim {AIM:.0f})")  # fmt: skip


def post(world: World, acts: int, count: int) -> float:
    """Dossiers a second of one client that posts a dossier, and then one act after the other, over one connection."""
    web = world.run("web", LOG_LEVEL="warning")
    client, address = requests.Session(), f"http://127.0.0.1:{web.port}/v1/dossiers"
    client.headers.update(world.keys(["dossier:write"]))
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("accept", {}), ("request-supplement", {"reason": "Thiếu bản sao"}), ("receive-supplement", {}), ("forward", {}),
        ("complete", {}), ("return-result", {}),
    ]  # fmt: skip
    known = line()
    dossier = {name: known[name] for name in ("procedure", "unit", "applicant")}
    started = time.perf_counter()
    for _ in range(count):
        code = _sent(client, address, dossier)["code"]
        for act, body in bodies[:acts]:
            _sent(client, f"{address}/{code}/{act}", body)
    seconds = time.perf_counter() - started
    web.kill()
    return count / seconds


def _sent(client: requests.Session, address: str, body: dict[str, Any]) -> Any:
    answer = client.post(address, json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()


def import_file(world: World, folder: Path, acts: list[dict[str, Any]], count: int) -> float:
    """Dossiers a second of the command, its start included."""
    file = folder / "dossiers.ndjson"
    with file.open("w") as lines:
        for number in range(count):
            lines.write(json.dumps(line(f"HS-{number:07}", acts), ensure_ascii=False) + "\n")
    words = [sys.executable, *options_of_python(), "-m", "dossier", "import", str(file), "--source", "bench"]
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LOG_LEVEL": "warning", "DATABASE_URL": world.url}
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=ROOT / "services" / "dossier", env=own, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    print(f"    {done.stdout.strip()}; {1000 * busy / count:.2f} ms of processor a dossier, the start included")
    assert done.returncode == 0, done.stderr
    return count / seconds


def options_of_python() -> list[str]:
    """Profile the command where BENCH_PROFILE names a file."""
    profile = os.environ.get("BENCH_PROFILE")
    return ["-m", "cProfile", "-o", profile] if profile else []


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=20_000, help="imported")
    parser.add_argument("--posts", type=int, default=200, help="posted one by one")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()

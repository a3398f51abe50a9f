"""`python -m tests.load [--only consume|relay|post|file|latency|memory] [--rounds N] [--quick]`."""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tests.load import consume, dossier_post, latency, memory, meters, post, relay, report, servers, trial
from tests.load.broker import Broker

Section = Callable[[servers.Servers, Broker, argparse.Namespace], dict[str, Any]]


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    started = datetime.now(UTC)
    result: dict[str, Any] = {"started_at": started.isoformat(), "machine": _machine(), "options": vars(options)}
    with servers.running() as running:
        broker = Broker(running.amqp_url)
        for name, section in SECTIONS.items():
            if options.only in (None, name):
                print(f"\n== {name}: {section.__doc__}", flush=True)
                result[name] = section(running, broker, options)
        broker.close()
    print(f"\nwritten to {report.save(servers.FOLDER / 'results', f'{started:%Y%m%dT%H%M%S}', result)}")
    return 0


def run_consume(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """preloaded quorum queue → one effect each in PostgreSQL (dedupe + counter), committed, acknowledged"""
    return _throughput(consume.subjects(running, broker, options.scale), running, options)


def run_relay(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """preloaded outbox table → quorum queue, confirmed, and gone from the table"""
    return _throughput(relay.subjects(running, broker, options.scale), running, options)


def run_post(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """POST that writes one row and one event, under the same gunicorn settings"""
    return post.run(running, options.rounds, seconds=2 if options.quick else 8)


def run_file(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """POST /v1/dossiers, beside a bare view that writes the same rows"""
    return dossier_post.run(running, options.rounds, seconds=2 if options.quick else 8)


def run_latency(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """commit of the event → commit of its effect, through relay, broker and worker, 300 events/s"""
    return latency.run(running, broker, seconds=6 if options.quick else 20)


def run_memory(running: servers.Servers, broker: Broker, options: argparse.Namespace) -> dict[str, Any]:
    """resident memory of our processes"""
    return memory.run(running, broker, seconds=5 if options.quick else 15)


SECTIONS: dict[str, Section] = {
    "consume": run_consume,
    "relay": run_relay,
    "post": run_post,
    "file": run_file,
    "latency": run_latency,
    "memory": run_memory,
}


def _throughput(subjects: list[trial.Subject], running: servers.Servers, options: argparse.Namespace) -> dict[str, Any]:
    """Every subject once in each round, every second round backwards, so that drift of the machine hits all alike."""
    runs: list[trial.Run] = []
    subjects = [subject for subject in subjects if options.match in subject.name]
    for number in range(options.rounds):
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            meters.wait_until_quiet(options.patience)
            try:
                done = trial.run(subject, running)
            except (ChildProcessError, TimeoutError) as failure:
                print(f"  round {number + 1}  {subject.name}: {failure}", flush=True)
                continue
            runs.append(done)
            print(f"  round {number + 1}  {done.subject:24} {done.per_second:10,.0f} events/s  {done.note}", flush=True)
    rows = report.throughput(runs)
    print("\n" + report.throughput_table(rows), flush=True)
    return {"medians": rows, "runs": [asdict(run) for run in runs]}


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--only", choices=sorted(SECTIONS), help="run one section")
    parser.add_argument("--match", default="", help="only the subjects whose name contains this")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 3, with --quick 1)")
    parser.add_argument(
        "--patience", type=float, default=0, help="wait up to so many seconds for a quiet machine each time"
    )
    parser.add_argument("--quick", action="store_true", help="a fifth of the events, one round: a check, not a figure")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.scale = 0.2 if options.quick else 1.0
    return options


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

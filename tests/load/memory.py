"""Section `memory`: memory and idle CPU of each kind of process of ours, at rest and while POSTs run through all."""

import threading
import time
from contextlib import ExitStack
from typing import Any

from tests.load import generator, identity, meters, ours, post, report, servers
from tests.load.broker import Broker
from tests.load.process import Process
from tests.load.web import Web

REST_S = 5


def run(running: servers.Servers, broker: Broker, seconds: float) -> dict[str, Any]:
    bench = ours.Bench(running)
    bench.empty()
    broker.delete(ours.INBOX)
    with identity.provider(post.SCOPE) as known, ExitStack() as started:
        web = ours.webs(running, known, post.WORKERS, post.THREADS)[-1]
        processes = {"worker": bench.process("worker"), "relay": bench.process("relay"),
                     "web": Process(web.name, web.argv, web.environment)}  # fmt: skip
        for process in processes.values():
            started.callback(process.stop)
        broker.wait_for_queue(ours.INBOX, processes["worker"])
        post.wait_until_open(web, processes["web"])
        idle = _idle_cpu(processes)
        rest = {name: meters.memory(process.pid) for name, process in processes.items()}
        peak, load = _under_load(web, processes, seconds)
    rows = [
        {
            "process": name,
            "processes": rest[name].processes,
            "idle_cpu_percent": idle[name],
            "rest_rss_mib": rest[name].rss,
            "rest_pss_mib": rest[name].pss,
            "peak_rss_mib": peak[name].rss,
            "peak_pss_mib": peak[name].pss,
        }
        for name in processes
    ]
    print("\n" + _table(rows) + f"\n({load.requests / load.seconds:,.0f} POSTs/s for {load.seconds:.0f} s)")
    return {"rows": rows, "posts_per_second": round(load.requests / load.seconds)}


def _idle_cpu(processes: dict[str, Process]) -> dict[str, float]:
    """Percent of a core that each takes while nothing happens, after a second to settle."""
    time.sleep(1)
    before = {name: meters.cpu_seconds(process.pid) or 0 for name, process in processes.items()}
    time.sleep(REST_S)
    return {
        name: round(((meters.cpu_seconds(process.pid) or 0) - before[name]) / REST_S * 100, 1)
        for name, process in processes.items()
    }


def _under_load(
    web: Web, processes: dict[str, Process], seconds: float
) -> tuple[dict[str, meters.Memory], generator.Load]:
    """The highest of samples taken twice a second."""
    peak = {name: meters.memory(process.pid) for name, process in processes.items()}
    loads: list[generator.Load] = []
    client = threading.Thread(target=lambda: loads.append(generator.post(web, seconds)))
    client.start()
    while client.is_alive():
        client.join(0.5)
        for name, process in processes.items():
            peak[name] = max(peak[name], meters.memory(process.pid), key=lambda sample: sample.rss)
    return peak, loads[0]


def _table(rows: list[dict[str, Any]]) -> str:
    head = ("process", "OS processes", "idle CPU", "rest: RSS MiB", "PSS", "under load: RSS MiB", "PSS", "")
    body = [
        (
            f"ours {row['process']}",
            f"{row['processes']}",
            f"{row['idle_cpu_percent']} %",
            f"{row['rest_rss_mib']}",
            f"{row['rest_pss_mib']}",
            f"{row['peak_rss_mib']}",
            f"{row['peak_pss_mib']}",
            "",
        )
        for row in rows
    ]
    return report.table([head, *body])

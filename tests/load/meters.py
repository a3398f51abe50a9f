"""Reads CPU seconds and resident memory of process trees from /proc."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


def cpu_seconds(pid: int | None, without: Iterable[int] = ()) -> float | None:
    """User + system seconds of a process, its living descendants and the children they have already reaped."""
    if pid is None:
        return None
    total = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.children_user + times.children_system
        if process.pid not in without:
            total += times.user + times.system
    return total


def busy_seconds() -> float:
    """Seconds that all cores of the machine have worked, whoever asked for it."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq + times.steal


def wait_until_quiet(limit_s: float, busy_cores: float = 0.2) -> bool:
    """Wait until the whole machine has worked less than `busy_cores` for a second; False when it never did."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        before = busy_seconds()
        time.sleep(1)
        if busy_seconds() - before < busy_cores:
            return True
    return False


@dataclass(frozen=True)
class Memory:
    """MiB: `rss` counts pages shared between the processes once for each of them, `pss` shares them out."""

    rss: float
    pss: float
    processes: int


def memory(pid: int) -> Memory:
    rss = pss = count = 0
    for process in _tree(pid):
        try:
            info = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        rss, pss, count = rss + info.rss, pss + info.pss, count + 1
    return Memory(round(rss / MIB, 1), round(pss / MIB, 1), count)


def listener(port: int, name: str) -> int | None:
    """The pid that listens on a local port, if it is called `name…` (a container's process is not ours to see)."""
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        if listens and connection.pid and psutil.Process(connection.pid).name().startswith(name):
            return int(connection.pid)
    return None


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]

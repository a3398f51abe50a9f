"""One timed run of one subject: closed gate, open gate, all the work done; with the CPU time of everyone involved."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg2

from tests.load import meters
from tests.load.gate import Gate, Mode
from tests.load.process import Process
from tests.load.servers import Servers

POLL_S = 0.02
LIMIT_S = 40.0


@dataclass(frozen=True)
class Subject:
    """A process to measure. `prepare` puts `total` events before it; `progress` counts those that are done."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    database_url: str
    gate: tuple[str, Mode]
    total: int
    prepare: Callable[[], None]
    progress: Callable[[psycopg2.extensions.cursor], int]


@dataclass(frozen=True)
class Run:
    """`cpu_us` per event of subject, broker and postgres; `others` is the share of one core that third parties took."""

    subject: str
    events: int
    seconds: float
    cpu_us: dict[str, float | None]
    rss_mib: float
    others: float
    note: str = ""
    per_second: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_second", round(self.events / self.seconds, 1))


def run(subject: Subject, servers: Servers) -> Run:
    subject.prepare()
    watcher = psycopg2.connect(subject.database_url)
    watcher.autocommit = True
    try:
        with Gate(subject.database_url, *subject.gate) as gate:
            process = Process(subject.name, subject.argv, subject.environment)
            try:
                gate.wait_for(process)
                return _timed(subject, servers, gate, process, watcher)
            finally:
                gate.open()
                process.stop()
    finally:
        watcher.close()


def _timed(
    subject: Subject, servers: Servers, gate: Gate, process: Process, watcher: psycopg2.extensions.connection
) -> Run:
    def spent() -> dict[str, float | None]:
        return {
            "subject": meters.cpu_seconds(process.pid),
            "broker": meters.cpu_seconds(servers.broker_pid),
            "postgres": meters.cpu_seconds(servers.postgres_pid, without=(watcher.info.backend_pid,)),
        }

    before, busy_before, mine_before, start = spent(), meters.busy_seconds(), time.process_time(), time.monotonic()
    gate.open()
    done, seconds = _wait(subject, process, watcher, start)
    after, busy, mine = spent(), meters.busy_seconds() - busy_before, time.process_time() - mine_before
    used = {who: after[who] - before[who] for who in after if after[who] is not None}  # type: ignore[operator]
    return Run(
        subject=subject.name,
        events=done,
        seconds=round(seconds, 4),
        cpu_us={who: round(used[who] / max(done, 1) * 1e6, 1) if who in used else None for who in after},
        rss_mib=meters.memory(process.pid).rss,
        others=round(max(busy - sum(used.values()) - mine, 0.0) / seconds, 2),
        note=_judge(subject, done),
    )


def _wait(
    subject: Subject, process: Process, watcher: psycopg2.extensions.connection, start: float
) -> tuple[int, float]:
    with watcher.cursor() as cursor:
        while True:
            done = subject.progress(cursor)
            seconds = time.monotonic() - start
            if done >= subject.total or seconds > LIMIT_S:
                return done, seconds
            process.check()
            time.sleep(POLL_S)


def _judge(subject: Subject, done: int) -> str:
    if done > subject.total:
        return f"{done - subject.total} done twice"
    return f"stopped at {LIMIT_S:.0f} s" if done < subject.total else ""

"""Lets happen what the schedule says, each fault in a thread of its own, so that they overlap."""

from __future__ import annotations

import collections
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import psycopg2

from infra.local import postgres, rabbitmq
from infra.local.supervision import wait_until
from tests.chaos import schedule
from tests.chaos.arena import Arena, eventually
from tests.chaos.children import LOAD, ROSTER, WORKERS, Child, Children
from tests.chaos.repeats import Repeater
from tests.chaos.schedule import Fault

BACK_S = 180.0  # a server that is not back by then is the machine's fault, and ends the run
GOES_ON_S = 4.0  # faults go on for so long while a server is away, then wait for it: a slow machine must not waste them
FLOWS_AGAIN_S = 20.0  # and for so long, at most, for effects to be seen again
TICK_S = 0.05
CRASHES_AFTER = (0, 60, 2, 2)  # effects since the crash before
CRASH_S = 8.0  # and no later than this
EFFECTS = "SELECT count(*) AS n FROM booking"


class Mischief:
    """Performs faults. `done` counts those that took place; what could not (no event stored yet) is not counted."""

    def __init__(self, arena: Arena, children: Children, seed: int, say: Callable[[str], None]) -> None:
        self.arena = arena
        self.children = children
        self.say = say
        self.over = threading.Event()
        self.done: collections.Counter[str] = collections.Counter()
        self.repeater = Repeater(arena, random.Random(f"repeats/{seed}"))
        self._server = {"postgresql": threading.Lock(), "rabbitmq": threading.Lock()}
        self._away: dict[str, float] = {}  # server → since when we let it be away
        self._pool = futures.ThreadPoolExecutor(max_workers=24, thread_name_prefix="fault")
        self._running: list[tuple[Fault, futures.Future[bool]]] = []

    def run(self, faults: list[Fault], seconds: float) -> None:
        """Begin one after the other; returns after `seconds`, when some are still going on.

        The clock stands still while a server takes long to come back, and during a crash loop.
        """
        clock = 0.0
        for fault in [*faults, None]:
            until = seconds if fault is None else fault.at_s
            while clock < until:
                time.sleep(min(TICK_S, until - clock))
                clock += TICK_S
                self._wait_for_outages()
            if fault is not None:
                self.say(str(fault))
                self._running.append((fault, self._pool.submit(self._perform, fault)))
                if fault.kind == schedule.CRASH_LOOP:  # needs the workers to itself
                    futures.wait([self._running[-1][1]])

    def finish(self) -> None:
        """End and count the faults; returns when every server is back. Raises Refused when one is not."""
        self.stop()
        for fault, future in self._running:
            if future.result():
                self.done[fault.kind] += 1
        self.arena.wait_for_servers(BACK_S)

    def stop(self) -> None:
        """End what lasts, now."""
        self.over.set()
        self._pool.shutdown(wait=True)
        self.children.heal()

    def _wait_for_outages(self) -> None:
        """Where a server has been away for long, wait until it is back and effects are seen again; so does the load."""
        if not any(time.monotonic() - since > GOES_ON_S for since in list(self._away.values())):
            return
        started = time.monotonic()
        self.children.by_name[LOAD].signal(signal.SIGUSR1)
        eventually(lambda: not self._away, 2 * BACK_S)
        before = self.effects()
        eventually(lambda: self.effects() > before, FLOWS_AGAIN_S)
        self.children.by_name[LOAD].signal(signal.SIGUSR2)
        self.say(f"waited {time.monotonic() - started:.1f} s for a server")

    def effects(self) -> int:
        """Bookings so far; 0 while the database is away."""
        try:
            return int(self.arena.rows("ledger", EFFECTS)[0].n)
        except psycopg2.Error:
            return 0

    def _perform(self, fault: Fault) -> bool:
        """Let one fault happen and pass. False where it could not take place."""
        child = self.children.by_name.get(fault.target)
        match fault.kind:
            case "kill -9" | "SIGTERM" | "freeze":
                assert child is not None
                return self._hit(child, fault)
            case "drop broker":
                assert child is not None
                return child.broker.drop_connections() > 0
            case "drop database":
                assert child is not None
                return child.database.drop_connections() > 0
            case "drop everything":
                everybody = [self.children.by_name[name] for name in ROSTER]
                return sum(each.broker.drop_connections() + each.database.drop_connections() for each in everybody) > 0
            case schedule.CRASH_LOOP:
                return self._crash_loop([self.children.by_name[name] for name in WORKERS])
            case "black hole to broker" | "black hole to database" | "slow network":
                assert child is not None
                return self._disturb(child, fault)
            case "broker restart" | "PostgreSQL fast restart":
                return self._restart("rabbitmq" if "broker" in fault.kind else "postgresql", fault.seconds)
            case "broker kill -9":
                return self._kill_server("rabbitmq", signal.SIGKILL)
            case "PostgreSQL immediate restart":
                return self._kill_server("postgresql", signal.SIGQUIT)
            case "repeated events":
                return self._soon(lambda: self.repeater.repeat(in_order=True))
            case "reordered repeats":
                return self._soon(lambda: self.repeater.repeat(in_order=False))
            case "undecodable messages":
                return self._soon(self.repeater.poison)
        raise ValueError(fault.kind)

    def _hit(self, child: Child, fault: Fault) -> bool:
        if child.process is None:
            return False
        if fault.kind == "kill -9":
            child.signal(signal.SIGKILL)
        elif fault.kind == "SIGTERM":
            child.terminate()
        else:
            child.signal(signal.SIGSTOP)
            self.over.wait(fault.seconds)
            child.signal(signal.SIGCONT)
        return True

    def _crash_loop(self, workers: list[Child]) -> bool:
        """Kill all of them, again and again: when much is in hand, and when what came back has only begun to be handled."""
        for effects in CRASHES_AFTER:
            enough = self.effects() + effects
            eventually(lambda: self.over.is_set() or self.effects() >= enough, CRASH_S)  # noqa: B023
            for worker in workers:
                worker.signal(signal.SIGKILL)
        return True

    def _disturb(self, child: Child, fault: Fault) -> bool:
        proxies = {"black hole to broker": [child.broker], "black hole to database": [child.database]}.get(
            fault.kind, [child.broker, child.database]
        )
        for proxy in proxies:
            if fault.kind == "slow network":
                proxy.delay(0.15)
            else:
                proxy.black_hole()
        self.over.wait(fault.seconds)
        for proxy in proxies:
            proxy.pass_through()
        return True

    def _restart(self, server: str, seconds: float) -> bool:
        with self._taking_away(server):
            self.arena.supervisor.stop([server])
            self.over.wait(seconds)
            self.arena.supervisor.start([server])
        return True

    def _kill_server(self, server: str, number: int) -> bool:
        with self._taking_away(server):
            pid = self._pid(server)
            if not pid:
                return False
            os.kill(pid, number)  # supervisor starts it again
            wait_until(lambda: self._pid(server) not in (0, pid), BACK_S, f"{server} stays away")
        return True

    @contextlib.contextmanager
    def _taking_away(self, server: str) -> Iterator[None]:
        """One fault at a time for each server, and each ends with the server back."""
        answers = {"postgresql": postgres.answers, "rabbitmq": rabbitmq.answers}[server]
        with self._server[server]:
            self._away[server] = time.monotonic()
            try:
                yield
                wait_until(lambda: answers(self.arena.stack), BACK_S, f"{server} did not come back")
            finally:
                del self._away[server]

    def _pid(self, server: str) -> int:
        """0 while supervisor has none."""
        return int(self.arena.supervisor.processes()[server]["pid"])

    def _soon(self, send: Callable[[], bool]) -> bool:
        """Again and again until it is sent: broker or database may be away, or nothing stored yet."""
        while not send():
            if self.over.wait(0.5):
                return False
        return True

"""Lets happen what the schedule says, each fault in a thread of its own, so that they overlap."""

from __future__ import annotations

import collections
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from infra.local import postgres, rabbitmq
from infra.local.supervision import wait_until
from tests.chaos.arena import Arena
from tests.chaos.children import ROSTER, Child, Children
from tests.chaos.repeats import Repeater
from tests.chaos.schedule import Fault

BACK_S = 90.0  # a server that is not back by then is the machine's fault, and ends the run


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
        self._pool = ThreadPoolExecutor(max_workers=24, thread_name_prefix="fault")
        self._running: list[tuple[Fault, Future[bool]]] = []

    def run(self, faults: list[Fault], seconds: float) -> None:
        """Begin one after the other; returns after `seconds`, when some are still going on."""
        started = time.monotonic()
        for fault in faults:
            time.sleep(max(0.0, started + fault.at_s - time.monotonic()))
            self.say(str(fault))
            self._running.append((fault, self._pool.submit(self._perform, fault)))
        time.sleep(max(0.0, started + seconds - time.monotonic()))

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
        with self._server[server]:
            self.arena.supervisor.stop([server])
            self.over.wait(seconds)
            self.arena.supervisor.start([server])
            self._wait_for(server)
        return True

    def _kill_server(self, server: str, number: int) -> bool:
        with self._server[server]:
            pid = self._pid(server)
            if not pid:
                return False
            os.kill(pid, number)  # supervisor starts it again
            wait_until(lambda: self._pid(server) not in (0, pid), BACK_S, f"{server} stays away")
            self._wait_for(server)
        return True

    def _pid(self, server: str) -> int:
        """0 while supervisor has none."""
        return int(self.arena.supervisor.processes()[server]["pid"])

    def _soon(self, send: Callable[[], bool]) -> bool:
        """Again and again until it is sent: broker or database may be away, or nothing stored yet."""
        while not send():
            if self.over.wait(0.5):
                return False
        return True

    def _wait_for(self, server: str) -> None:
        answers = {"postgresql": postgres.answers, "rabbitmq": rabbitmq.answers}[server]
        wait_until(lambda: answers(self.arena.stack), BACK_S, f"{server} did not come back")

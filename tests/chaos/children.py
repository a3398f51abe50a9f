"""The processes of the two services, each behind two fault proxies of its own, and a tiny keeper that restarts them."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

from tests.chaos.arena import SERVICES, Arena, command
from tests.chaos.proxy import FaultProxy

RESTART_AFTER_S = 0.5
STOP_S = 20.0  # longer than DRAIN_S: who needs more is killed, and told on

ROSTER = ("teller-relay-1", "teller-relay-2", "ledger-relay-1", "ledger-worker-1", "ledger-worker-2")
RELAYS = tuple(name for name in ROSTER if "relay" in name)
WORKERS = tuple(name for name in ROSTER if "worker" in name)
LOAD = "teller-load"


class Child:
    """One process, called `<service>-<job>-<number>`; with `wanted` it is started again whenever it ends."""

    def __init__(self, arena: Arena, name: str, options: tuple[str, ...] = ()) -> None:
        self.arena = arena
        self.name = name
        self.service, self.job = name.split("-")[:2]
        self.options = options
        self.database = FaultProxy("127.0.0.1", arena.stack.port("postgresql"))
        self.broker = FaultProxy("127.0.0.1", arena.stack.port("rabbitmq"))
        self.probe_port = arena.stack.port_base + 101 + (*ROSTER, LOAD).index(name)
        self.process: subprocess.Popen[bytes] | None = None
        self.wanted = False
        self.lock = threading.Lock()  # between deciding on a start and doing it, nobody changes his mind
        self.starts = 0
        self.ends: list[int] = []  # exit codes
        self.ended_at = 0.0
        self.stop_seconds: list[float] = []
        self.overstayed = 0

    def spawn(self) -> None:
        environment = self.arena.environment(self.service, self.database.port, self.broker.port)
        with (self.arena.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                command(self.service, self.job, *self.options),
                cwd=SERVICES / self.service,
                env=environment | {"PROBE_PORT": str(self.probe_port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        self.starts += 1

    def signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM, and SIGKILL for whoever does not listen; notes how long it took."""
        with self.lock:
            process, started = self.process, time.monotonic()
        if process is None or process.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.overstayed += 1
            self.signal(signal.SIGKILL)
            process.wait(5)
        self.stop_seconds.append(time.monotonic() - started)

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.probe_port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def heal(self) -> None:
        """Nothing stands in the way any more, and the process is not frozen."""
        self.database.pass_through()
        self.broker.pass_through()
        self.signal(signal.SIGCONT)


class Children:
    """All of them; `with` it, no process outlives the block."""

    def __init__(self, arena: Arena, load_options: tuple[str, ...]) -> None:
        self.by_name = {name: Child(arena, name) for name in ROSTER} | {LOAD: Child(arena, LOAD, load_options)}
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._proxies = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for child in self.by_name.values():
            self._proxies.enter_context(child.database)
            self._proxies.enter_context(child.broker)
        self._keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._keeper.join()
        for child in self.by_name.values():
            if child.process is not None and child.process.poll() is None:
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self._proxies.close()

    def start(self, *names: str) -> None:
        for name in names:
            self.by_name[name].wanted = True

    def stop(self, *names: str) -> None:
        """SIGTERM to all of them together, and wait."""
        for name in names:
            with self.by_name[name].lock:
                self.by_name[name].wanted = False
        waits = [threading.Thread(target=self.by_name[name].terminate) for name in names]
        for wait in waits:
            wait.start()
        for wait in waits:
            wait.join()

    def heal(self) -> None:
        for child in self.by_name.values():
            child.heal()

    def _keep(self) -> None:
        """Start what is wanted and does not run; the only thread that starts processes."""
        while not self._closing.wait(0.05):
            for child in self.by_name.values():
                if child.process is not None and child.process.poll() is not None:
                    child.ends.append(child.process.returncode)
                    child.ended_at = time.monotonic()
                    child.process = None
                with child.lock:
                    if child.wanted and child.process is None and time.monotonic() - child.ended_at > RESTART_AFTER_S:
                        child.spawn()

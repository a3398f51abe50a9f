"""Starts and stops one measured process with an environment and a log file of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.load import servers

PEERS = "tests.load.peers"


class Process:
    """A subject that runs in a session of its own, so that stopping it stops its children as well."""

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        logs = servers.FOLDER / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, logs / f"{name.replace(',', '').replace(' ', '-')}.log"
        with self.log.open("w") as output:
            self._popen = subprocess.Popen(
                argv, cwd=servers.ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    def check(self) -> None:
        """Raise ChildProcessError with the end of the log when the process has ended by itself."""
        if self._popen.poll() is not None:
            tail = "\n".join(self.log.read_text().splitlines()[-15:])
            raise ChildProcessError(f"{self.name} ended with {self._popen.returncode}:\n{tail}")

    def stop(self, grace_s: float = 15) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            print(f"  {self.name} ignored SIGTERM for {grace_s:.0f} s and was killed", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def peer(module: str) -> tuple[str, ...]:
    """Command line of a peer in tests/load/peers."""
    return (sys.executable, "-m", f"{PEERS}.{module}")

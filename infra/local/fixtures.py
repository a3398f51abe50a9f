"""pytest fixtures: private servers, or the whole platform, of the test run's own, beside any running `make up`.

Load them in tests/conftest.py with `pytest_plugins = ["infra.local.fixtures"]`. IOC_TEST_KEEP=1 leaves the servers
running for the next run; IOC_TEST_STATE and IOC_TEST_PORT_BASE move them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.local.stack import ROOT, Stack

STATE = os.environ.get("IOC_TEST_STATE") or ".run/test"
PORT_BASE = int(os.environ.get("IOC_TEST_PORT_BASE") or 28000)


def local(stack: Stack, *words: str) -> str:
    """Run one command of the local stack; its output, or a failed test with what it complained about."""
    command = [sys.executable, "-W", "ignore", "-m", "infra.local", *words]
    command += ["--state", str(stack.state), "--port-base", str(stack.port_base)]
    still = os.environ | {"IOC_PROVINCE": os.environ.get("IOC_PROVINCE", "0")}  # nobody files besides the test
    result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=still)
    if result.returncode:
        pytest.fail(f"{' '.join(words)}: {result.stderr}", pytrace=False)
    return result.stdout


@pytest.fixture(scope="session")
def private_servers() -> Iterator[Stack]:
    """PostgreSQL and RabbitMQ with the services' empty databases and accounts; ask the stack for URLs."""
    stack = Stack.chosen(STATE, PORT_BASE)
    keep = os.environ.get("IOC_TEST_KEEP", "") not in ("", "0")
    with _to_ourselves(stack):
        if not keep:
            local(stack, "clean")  # a run that was killed left its data
        local(stack, "servers", "up")
        yield stack
        if not keep:
            local(stack, "clean")


@contextlib.contextmanager
def _to_ourselves(stack: Stack) -> Iterator[None]:
    """Two test runs never share servers: the second is told how to have its own."""
    stack.state.parent.mkdir(parents=True, exist_ok=True)
    with stack.state.with_name(f"{stack.state.name}.in-use").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "give this one its own with IOC_TEST_STATE=.run/test2 IOC_TEST_PORT_BASE=29000"
            pytest.exit(f"another test run uses the servers of {stack.state}; {advice}", returncode=3)
        yield


@pytest.fixture(scope="session")
def platform(private_servers: Stack) -> Stack:
    """The same stack with every process of every service up and ready."""
    local(private_servers, "up")
    return private_servers

"""Installs the Debian packages that are missing where it may, otherwise names them; stdlib only."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.local.progress import Refused, step

POLICY = Path("/usr/sbin/policy-rc.d")
# What postinst scripts ask before they start a service; 101 means "action forbidden by policy" (Debian policy 9.3.3).
FORBID = "#!/bin/sh\n# Temporary, by infra.local: packages being installed start no system service.\nexit 101\n"
UNITS = {"postgresql": "postgresql.service", "rabbitmq-server": "rabbitmq-server.service"}


def install(packages: Iterable[str], reason: str) -> None:
    """Install Debian packages without starting any service of theirs; refuse with the exact command when we may not."""
    missing = sorted(set(packages))
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if not shutil.which("apt-get"):
        raise Refused(
            f"{reason}: this machine lacks what Debian calls {', '.join(missing)}; install it, then try again"
        )
    become_root = _root_prefix()
    if become_root is None:
        raise Refused(f"{reason}: missing Debian packages: {' '.join(missing)}\nInstall them with:\n    sudo {command}")
    with step("packages") as current, _no_service_starts(become_root):
        _apt(become_root, ["update"], must_work=False)
        _apt(become_root, ["install", "--yes", "--no-install-recommends", *missing], must_work=True)
        _leave_disabled(become_root, missing)
        current.outcome = "installed " + " ".join(missing)


def _root_prefix() -> list[str] | None:
    """The words to put before a command so that root runs it, or None when we may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def _apt(become_root: list[str], arguments: list[str], must_work: bool) -> None:
    command = [*become_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    command += ["-o", "DPkg::Lock::Timeout=300", *arguments]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode and must_work:
        last = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise Refused(f"{' '.join(command)} failed:\n{last}")


@contextlib.contextmanager
def _no_service_starts(become_root: list[str]) -> Iterator[None]:
    """While the block runs no package may start a service; a policy that an administrator put there stays as it is."""
    if POLICY.exists():
        yield
        return
    write = [*become_root, "sh", "-c", f"umask 022; cat > {POLICY} && chmod 755 {POLICY}"]
    subprocess.run(write, input=FORBID, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*become_root, "rm", "-f", str(POLICY)], check=True)


def _leave_disabled(become_root: list[str], packages: list[str]) -> None:
    """What we install is for our private servers: the system's own copies do not start at the next boot either."""
    units = [UNITS[package] for package in packages if package in UNITS]
    if units and shutil.which("systemctl"):
        subprocess.run([*become_root, "systemctl", "disable", *units], capture_output=True)

"""Where a private server keeps its data: in the state folder, or elsewhere when the server's account cannot get in."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.local.progress import Refused
from infra.local.stack import Stack

ELSEWHERE = "/var/tmp"
RECORD = "data_elsewhere"
MARKER = "ioc-local-stack-data"


def server_account(account: str) -> str | None:
    """The Debian account that runs a server when we are root; None: it runs as ourselves."""
    return account if os.geteuid() == 0 else None


def data_folder(stack: Stack, name: str, account: str) -> Path:
    """The folder of one server's data, made if it is missing, owned by whoever runs the server and closed to others."""
    runs_as = server_account(account)
    folder = _root(stack, runs_as) / name
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if runs_as:
            user = pwd.getpwnam(runs_as)
            os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def write_for(account: str | None, path: Path, text: str) -> None:
    """Write a file that only the server's account can read; never through a link that somebody left there."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        if account:
            user = pwd.getpwnam(account)
            os.fchown(file.fileno(), user.pw_uid, user.pw_gid)
        file.write(text)


def _root(stack: Stack, runs_as: str | None) -> Path:
    """The folder above the servers' folders: a place once chosen is kept, for the data is there."""
    record = stack.state / RECORD
    if record.exists():
        return Path(record.read_text().strip())
    inside = stack.state / "data"
    if inside.exists() or runs_as is None or _may_pass(stack.state, runs_as):
        inside.mkdir(exist_ok=True)
        inside.chmod(0o711)
        return inside
    outside = Path(tempfile.mkdtemp(prefix="ioc-", dir=ELSEWHERE))
    outside.chmod(0o711)
    (outside / MARKER).write_text(f"{stack.state}\n")
    record.write_text(f"{outside}\n")
    return outside


def _may_pass(folder: Path, account: str) -> bool:
    """True when that account can reach what is inside the folder (the repository may lie under /root)."""
    command = ["/usr/bin/test", "-x", str(folder)]
    return subprocess.run(command, user=account, group=account, extra_groups=[], cwd="/").returncode == 0


def delete(stack: Stack) -> None:
    """Delete the state folder, and the folder of ours elsewhere that it names, and nothing else."""
    record = stack.state / RECORD
    if record.exists():
        outside = Path(record.read_text().strip())
        marker = outside / MARKER
        if marker.exists():
            if marker.is_symlink() or marker.read_text().strip() != str(stack.state):
                raise Refused(f"{outside} is not this stack's; delete {record} to go on without it")
            shutil.rmtree(outside)
    shutil.rmtree(stack.state)

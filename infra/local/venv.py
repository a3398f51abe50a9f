"""Makes `.venv` from infra/requirements when they changed; runs before it exists, so standard library only."""

from __future__ import annotations

import collections
import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from infra.local import debian
from infra.local.progress import Refused, Step, step

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / ".run" / "venv.lock"
REQUIREMENTS = ROOT / "infra" / "requirements"
CONSTRAINTS = REQUIREMENTS / "constraints.txt"
SETS = ("base", "local", "dev", "bench")  # each holds the ones before it
EDITABLE = ("chassis", "dossier", "notify", "stats", "ipcam")
OLDEST_PYTHON = (3, 11)
LIBRARIES = {"libpangoft2-1.0.so.0": "libpangoft2-1.0-0", "libharfbuzz-subset.so.0": "libharfbuzz-subset0"}
"""What WeasyPrint loads for the PDF of printed forms, and the Debian package of each."""


def inside() -> bool:
    """True when this very process runs from the project's environment."""
    return Path(sys.prefix) == VENV


def exists() -> bool:
    return PYTHON.exists()  # follows the link: False as well when the Python behind it is gone


def ensure(wanted: str) -> None:
    """Bring `.venv` to what infra/requirements/<wanted>.in, the constraints and the services' pyproject.toml say now."""
    if sys.version_info < OLDEST_PYTHON:
        raise Refused(f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed, not {sys.version.split()[0]}")
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        _wait_for(lock)
        digests = _digests(wanted)
        if exists() and _installed().get(wanted) == digests[wanted]:
            return
        with step("venv") as current:
            if not exists():
                _create(current)
            _install(wanted, current)
            _install_libraries(current)
            _record(digests)
            current.outcome = f"{VENV.relative_to(ROOT)} from infra/requirements/{wanted}.in"


def _wait_for(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with step("venv") as current:
            fcntl.flock(lock, fcntl.LOCK_EX)
            current.outcome = "waited for another command that prepared it"


def _services() -> list[Path]:
    folders = (ROOT / "services" / name for name in EDITABLE)
    return [folder for folder in folders if (folder / "pyproject.toml").exists()]


def _digests(wanted: str) -> dict[str, str]:
    """What this set and those within it are installed from, in one line each: equal digests mean nothing to do."""
    digest = hashlib.sha256()
    for path in [CONSTRAINTS, *(folder / "pyproject.toml" for folder in _services())]:
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    digests = {}
    for name in SETS[: SETS.index(wanted) + 1]:
        digest.update((REQUIREMENTS / f"{name}.in").read_bytes())
        digests[name] = digest.hexdigest()
    return digests


def _installed() -> dict[str, str]:
    record = VENV / ".installed.json"
    return dict(json.loads(record.read_text())) if record.exists() else {}


def _record(digests: dict[str, str]) -> None:
    (VENV / ".installed.json").write_text(json.dumps(_installed() | digests, indent=2, sort_keys=True) + "\n")


def _create(current: Step) -> None:
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        debian.install(["python3-venv"], "python3 cannot make a virtual environment")
    _run([sys.executable, "-m", "venv", "--clear", str(VENV)], current)


def _install(wanted: str, current: Step) -> None:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--constraint", str(CONSTRAINTS)]
    _run([*pip, "--requirement", str(REQUIREMENTS / f"{wanted}.in")], current)
    editable = [word for folder in _services() for word in ("--editable", str(folder))]
    if editable:  # built with the environment's own setuptools: the same every time, and no second download
        _run([*pip, "--no-build-isolation", *editable], current)


def _install_libraries(current: Step) -> None:
    """Shared libraries that packages of Python load; where we may install nothing, only the PDF of forms is missing."""
    try:
        debian.install((LIBRARIES[name] for name in LIBRARIES if not _loads(name)), "printed forms as PDF")
    except Refused as refusal:
        current.say(str(refusal))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _run(command: list[str], current: Step) -> None:
    """Run a command and show its lines as they come; when it fails, its last ones are the complaint."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    last: collections.deque[str] = collections.deque(maxlen=15)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            current.say(line.strip())
    if process.returncode:
        raise Refused(f"{' '.join(command)} failed:\n" + "\n".join(last))

"""Makes `.venv` from infra/requirements when they changed; runs before it exists, so standard library only."""

from __future__ import annotations

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
from infra.local.progress import Refused, step

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / ".run" / "venv.lock"
REQUIREMENTS = ROOT / "infra" / "requirements"
CONSTRAINTS = REQUIREMENTS / "constraints.txt"
EDITABLE = ("chassis", "dossier", "notify", "stats", "ipcam")
OLDEST_PYTHON = (3, 11)


def inside() -> bool:
    """True when this very process runs from the project's environment."""
    return Path(sys.prefix) == VENV


def exists() -> bool:
    return PYTHON.exists()  # follows the link: False as well when the Python behind it is gone


def ensure(*sets: str) -> None:
    """Bring `.venv` to what infra/requirements/<set>.in, the constraints and the services' pyproject.toml say now."""
    if sys.version_info < OLDEST_PYTHON:
        raise Refused(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed, this is {sys.version.split()[0]}"
        )
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        _wait_for(lock)
        wanted = _digests(sets)
        if exists() and wanted.items() <= _installed().items():
            return
        with step("venv") as current:
            if not exists():
                _create()
            _install(sets)
            _record(wanted)
            current.outcome = f"{VENV.relative_to(ROOT)} from " + ", ".join(
                f"infra/requirements/{name}.in" for name in sets
            )


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


def _digests(sets: tuple[str, ...]) -> dict[str, str]:
    """What each set was installed from, in one line: equal digests mean nothing to do."""
    shared = [CONSTRAINTS, REQUIREMENTS / "base.in", REQUIREMENTS / "dev.in"]
    shared += [folder / "pyproject.toml" for folder in _services()]
    digests = {}
    for name in sets:
        digest = hashlib.sha256()
        for path in [*shared, REQUIREMENTS / f"{name}.in"]:
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
        digests[name] = digest.hexdigest()
    return digests


def _installed() -> dict[str, str]:
    record = VENV / ".installed.json"
    return dict(json.loads(record.read_text())) if record.exists() else {}


def _record(digests: dict[str, str]) -> None:
    (VENV / ".installed.json").write_text(json.dumps(_installed() | digests, indent=2, sort_keys=True) + "\n")


def _create() -> None:
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        debian.install(["python3-venv"], "python3 cannot make a virtual environment")
    _run([sys.executable, "-m", "venv", "--clear", str(VENV)])


def _install(sets: tuple[str, ...]) -> None:
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--constraint", str(CONSTRAINTS)]
    _run([*pip, *(word for name in sets for word in ("--requirement", str(REQUIREMENTS / f"{name}.in")))])
    editable = [word for folder in _services() for word in ("--editable", str(folder))]
    if editable:  # built with the environment's own setuptools: the same every time, and no second download
        _run([*pip, "--no-build-isolation", *editable])


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    if result.returncode:
        last = "\n".join((result.stdout + result.stderr).splitlines()[-15:])
        raise Refused(f"{' '.join(command)} failed:\n{last}")

"""Gives a new stack its small province: units, procedures and days off; loading them again changes nothing."""

from __future__ import annotations

import os
import subprocess

from infra.local.processes import environment
from infra.local.progress import Refused, step
from infra.local.stack import ROOT, Stack
from infra.local.venv import PYTHON

PROVINCE = ROOT / "infra" / "seed" / "province.json"


def up(stack: Stack) -> None:
    """Load the province's catalogue into dossier, once for each version of the file."""
    done = stack.state / "seeded"
    if done.exists() and done.read_text() == PROVINCE.read_text():
        return
    with step("province") as current:
        loaded = subprocess.run(
            [str(PYTHON), "-m", "dossier", "catalogue", "load", str(PROVINCE)],
            cwd=ROOT / "services" / "dossier",
            env=dict(os.environ) | environment(stack, "dossier"),
            capture_output=True,
            text=True,
            check=False,
        )
        if loaded.returncode:
            raise Refused(f"the province could not be loaded: {loaded.stderr.strip()}")
        current.outcome = loaded.stdout.strip()
    done.write_text(PROVINCE.read_text())

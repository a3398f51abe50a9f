"""Gives the stack living cameras: the simulator beside it, and two quarantine sites with its cameras in ipcam's registry."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess

from infra.local import debian, readiness
from infra.local.processes import environment
from infra.local.progress import Refused, step
from infra.local.stack import HOST, ROOT, Stack
from infra.local.supervision import Program, Supervisor
from infra.local.venv import PYTHON

SIMULATOR = ROOT / "infra" / "simulators" / "cameras"
CLIPS = ROOT / ".run" / "cameras" / "clips"  # drawn once (about a minute), for every stack of this machine
SITES = (
    {"code": "H52-CL-01", "name": "Khu cách ly tập trung Trường Quân sự tỉnh", "unit": "H52.21"},
    {"code": "H52-CL-02", "name": "Khu cách ly tập trung Trường Phổ thông dân tộc nội trú Mộc Châu", "unit": "H52.22"},
)
CAMERAS = (
    ("H52-CL-01", "Hành lang tầng 1 nhà A", "corridor"),
    ("H52-CL-01", "Sân chính", "yard"),
    ("H52-CL-01", "Cổng số 1", "gate"),
    ("H52-CL-02", "Sảnh tầng 1", "floor_lobby"),
    ("H52-CL-02", "Hành lang tầng 2", "corridor"),
)


def program(stack: Stack) -> Program:
    """The simulated cameras under supervisor."""
    port = stack.port("cameras")
    words = (
        "--port",
        str(port),
        "--control-port",
        str(port + 1),
        "--cameras",
        str(len(CAMERAS)),
        "--clips",
        str(CLIPS),
    )
    return Program(
        name="cameras",
        command=(str(PYTHON), "-m", "infra.simulators.cameras", *words),
        folder=ROOT,
        environment={"CAMERAS_PASSWORD": stack.passwords.of("cameras", "rtsp")},
        priority=150,
        stop_seconds=10,
        ports=(port, port + 1),
        ready=f"{stack.url('cameras-control')}/cameras",
    )


def start(stack: Stack, supervisor: Supervisor) -> str | None:
    """Start the simulator, which draws its clips the first time; None, or why it cannot run here."""
    why_not = _prepared()
    if why_not is None:
        supervisor.start(["cameras"])
    return why_not


def wait(stack: Stack, supervisor: Supervisor, why_not: str | None) -> None:
    """Wait until the cameras can be looked at, so that nobody is told that they are away; without them all else goes on."""
    with step("cameras") as current:
        if why_not is not None:
            current.outcome = "no living cameras, everything else goes on. " + why_not
            return
        current.say("the first time their clips are drawn, about a minute")
        try:
            readiness.wait(stack, supervisor, [program(stack)])
            current.outcome = f"rtsp://{HOST}:{stack.port('cameras')}, commands on {stack.url('cameras-control')}"
        except Refused as refused:
            current.outcome = f"not there, everything else goes on. {refused}"


def _prepared() -> str | None:
    """None when the simulator's Debian packages are here, or could be installed; else what to do."""
    wanted = [line for line in (SIMULATOR / "packages.txt").read_text().splitlines() if line and line[0] != "#"]
    if not shutil.which("dpkg-query"):
        return f"They need Debian's packages {' '.join(wanted)}, and this is no Debian."
    try:
        known = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *wanted], capture_output=True, text=True, check=False
        )
        there = {line.split()[0] for line in known.stdout.splitlines() if line.endswith(" installed")}
        debian.install(set(wanted) - there, "simulated cameras")
    except Refused as refused:
        return str(refused)
    return None


def register(stack: Stack, with_cameras: bool) -> None:
    """Enter the sites and their cameras, once for each change of what is asked here."""
    text = json.dumps(_registry(stack, with_cameras), ensure_ascii=False)
    digest, done = hashlib.sha256(text.encode()).hexdigest(), stack.state / "cameras-registered"
    if done.exists() and done.read_text() == digest:
        return
    loaded = subprocess.run(
        [str(PYTHON), "-m", "ipcam", "load", "-"],
        cwd=ROOT / "services" / "ipcam",
        env=dict(os.environ) | environment(stack, "ipcam"),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if loaded.returncode:
        raise Refused(f"the cameras could not be registered: {loaded.stderr.strip()}")
    done.write_text(digest)


def _registry(stack: Stack, with_cameras: bool) -> dict[str, object]:
    sites = [
        site | {"operator_name": "Tổ trực camera", "operator_email": f"truc-{site['code'].lower()}@example.vn"}
        for site in SITES
    ]
    cameras = [_camera(stack, number, *row) for number, row in enumerate(CAMERAS, 1)] if with_cameras else []
    return {"sites": sites, "cameras": cameras}


def _camera(stack: Stack, number: int, site: str, name: str, placement: str) -> dict[str, object]:
    account = f"cam-{number:03d}"
    base = f"rtsp://{HOST}:{stack.port('cameras')}/{account}"
    return {
        "site": site,
        "name": name,
        "placement": placement,
        "rtsp_url": f"{base}/main",
        "sub_url": f"{base}/sub",
        "onvif_url": f"{stack.url('cameras-control')}/onvif/{account}/device_service",
        "credentials": {"username": account, "password": stack.passwords.of("cameras", "rtsp")},
    }

"""Measures CPU and memory per camera: `python tests/load/cameras.py --cameras 1,25,100 --seconds 15`; prints a table, and JSON with --json FILE.

The same simulated streams (640x360, H.264, 10 frames/s, 320 kbit/s, RTSP over TCP) are read by each contestant in a process of its own:
  wire     our readers: demultiplexed and measured, nothing decoded
  key      the same, and one key frame per camera and 10 s decoded and judged for faults
  motion   the same, every frame decoded, motion looked for twice a second
  ffmpeg   `ffmpeg -c copy -f null`, one process a camera: the floor
  opencv   cv2.VideoCapture, one thread a camera, every frame decoded: what users do
CPU is user + system time of the contestant alone (not of the simulator) as % of one core, per camera; memory is its unique set size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "services/ipcam")]
MODES = ("wire", "key", "motion", "ffmpeg", "opencv")


def url(port: int, index: int) -> str:
    return f"rtsp://127.0.0.1:{port}/cam-{index + 1:03d}/sub"


def child(mode: str, count: int, port: int) -> None:
    """A contestant: says `ready` on its output when every camera has given pictures, then reads until its input is closed."""
    {"wire": _ours, "key": _ours, "motion": _ours, "ffmpeg": _ffmpeg, "opencv": _opencv}[mode](mode, count, port)


def _say(line: str) -> None:
    print(line, flush=True)


def _ours(mode: str, count: int, port: int) -> None:
    import cv2

    from ipcam.address import Source
    from ipcam.analyst import Analyst
    from ipcam.domain.share import MotionShare
    from ipcam.media import grey
    from ipcam.motion import MotionFinder, MotionSink
    from ipcam.stream import Fleet
    from ipcam.vision import PictureJudge

    cv2.setNumThreads(1)
    share, judges, looked = MotionShare(1.8), {}, [0]

    def look(camera_id: str, frame: Any, key: Any) -> None:
        if frame is not None:
            judges.setdefault(camera_id, PictureJudge()).look(grey(frame))
            looked[0] += 1

    def moved(camera_id: str, what: Any, at_s: float) -> None:
        looked[0] += 1

    sinks = (lambda s: [MotionSink(s.camera_id, MotionFinder(), share, moved)]) if mode == "motion" else None
    fleet = Fleet(sinks_for=sinks, spread_s=count / 20)
    fleet.hold([Source(f"cam-{i + 1:03d}", url(port, i)) for i in range(count)])
    while sum(r.packets > 30 for r in fleet.readings().values()) < count:
        time.sleep(0.2)
    analyst = Analyst(fleet, look, every_s=10.0, budget_cores=1.0)
    if mode == "key":
        analyst.start()
    _say("ready")
    sys.stdin.read()
    fps = [r.fps for r in fleet.readings().values()]
    state = analyst.state()
    _say(
        json.dumps(
            {
                "fps": round(sum(fps) / len(fps), 2),
                "looks": looked[0],
                "longest_wait_s": round(state.actual_s, 1),
                "skipped_groups": share.skipped,
            }
        )
    )
    os._exit(0)


def _ffmpeg(mode: str, count: int, port: int) -> None:
    runs = []
    for index in range(count):
        command = [
            "ffmpeg",
            "-nostdin",
            "-loglevel",
            "error",
            "-rtsp_transport",
            "tcp",
            "-i",
            url(port, index),
            "-c",
            "copy",
            "-an",
            "-f",
            "null",
            "-",
        ]
        runs.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        time.sleep(0.05)
    time.sleep(8)
    _say("ready")
    sys.stdin.read()
    alive = sum(run.poll() is None for run in runs)
    for run in runs:
        run.kill()
    _say(json.dumps({"alive": alive}))


def _opencv(mode: str, count: int, port: int) -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp|threads;1"
    import cv2

    cv2.setNumThreads(1)
    frames = [0] * count

    def read(index: int) -> None:
        capture = cv2.VideoCapture(url(port, index), cv2.CAP_FFMPEG)
        while capture.read()[0]:
            frames[index] += 1

    for index in range(count):
        threading.Thread(target=read, args=(index,), daemon=True).start()
        time.sleep(0.05)
    until = (
        time.monotonic() + 60 + count / 2
    )  # where the CPU does not suffice some connections are given up, and are told as such
    while sum(n > 30 for n in frames) < count and time.monotonic() < until:
        time.sleep(0.2)
    before, began = sum(frames), time.monotonic()
    _say("ready")
    sys.stdin.read()
    fps = round((sum(frames) - before) / (time.monotonic() - began) / count, 2)
    _say(json.dumps({"fps": fps, "alive": sum(n > 30 for n in frames)}))
    os._exit(0)


def _usage(root: psutil.Process) -> tuple[float, int]:
    cpu, memory = 0.0, 0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return cpu, memory


def measure(mode: str, count: int, port: int, seconds: float) -> dict[str, Any]:
    """One contestant with so many cameras."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services/ipcam'}"}
    command = [sys.executable, __file__, "--child", mode, "--cameras", str(count), "--port", str(port)]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert run.stdout and run.stdin
    try:
        if "ready" not in run.stdout.readline():
            raise RuntimeError(f"{mode} with {count} cameras did not start")
        process = psutil.Process(run.pid)
        (cpu, _), began = _usage(process), time.monotonic()
        time.sleep(seconds)
        (cpu_after, memory), took = _usage(process), time.monotonic() - began
        run.stdin.close()
        said = json.loads(run.stdout.readline() or "{}")
        run.wait(20)
    finally:
        if run.poll() is None:
            run.kill()
    share = (cpu_after - cpu) / took
    return {
        "mode": mode,
        "cameras": count,
        "core_percent_per_camera": round(100 * share / count, 3),
        "cameras_per_core": round(count / share) if share else None,
        "mb_per_camera": round(memory / count / 1e6, 2),
        **said,
    }


def _simulator(count: int, port: int, clips: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "infra.simulators.cameras",
        "--cameras",
        str(count),
        "--port",
        str(port),
        "--auth",
        "none",
        "--audio-every",
        "0",
        "--clips",
        clips,
    ]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout
    if "ready" not in run.stdout.readline():
        raise RuntimeError("the simulated cameras did not start")
    urllib.request.urlopen(f"http://127.0.0.1:{port + 1}/cameras", timeout=10).read()
    return run


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", default="1,25,100")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--port", type=int, default=18754)
    parser.add_argument("--clips", default=str(ROOT / ".run/cameras/clips"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", choices=MODES)
    arguments = parser.parse_args()
    counts = [int(n) for n in arguments.cameras.split(",")]
    if arguments.child:
        return child(arguments.child, counts[0], arguments.port)
    simulator = _simulator(max(counts), arguments.port, arguments.clips)
    results = []
    try:
        print(f"{'mode':8}{'cameras':>8}{'% core/cam':>12}{'cams/core':>11}{'MB/cam':>9}  notes")
        for count in counts:
            for mode in arguments.modes.split(","):
                result = measure(mode, count, arguments.port, arguments.seconds)
                results.append(result)
                notes = {
                    k: v
                    for k, v in result.items()
                    if k not in ("mode", "cameras", "core_percent_per_camera", "cameras_per_core", "mb_per_camera")
                }
                shown = (result["core_percent_per_camera"], result["cameras_per_core"] or "-", result["mb_per_camera"])
                print(f"{mode:8}{count:>8}{shown[0]:>12}{shown[1]:>11}{shown[2]:>9}  {notes}", flush=True)
    finally:
        simulator.terminate()
        simulator.wait(10)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return None


if __name__ == "__main__":
    main()

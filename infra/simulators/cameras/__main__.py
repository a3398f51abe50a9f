"""`python3 -m infra.simulators.cameras --port 8554 --control-port 8555 --cameras 4` serves simulated cameras on loopback until ended."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from infra.local import debian
from infra.local.progress import Refused

SYSTEM_PYTHON = "/usr/bin/python3"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m infra.simulators.cameras", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, default=8554, help="RTSP")
    parser.add_argument("--control-port", type=int, default=0, help="HTTP control and ONVIF; default: RTSP port + 1")
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--h265", type=int, default=0, help="how many of them (the last ones) encode H.265")
    parser.add_argument("--night", type=int, default=0, help="how many of them (the first ones) see night")
    parser.add_argument("--rain", type=int, default=0, help="how many after those see rain")
    parser.add_argument("--audio-every", type=int, default=4, help="every n-th camera has sound; 0 is none")
    parser.add_argument("--auth", choices=("digest", "basic", "none"), default="digest")
    parser.add_argument("--clips", type=Path, default=Path(".run/cameras/clips"), help="where encoded clips are kept")
    parser.add_argument("--encoder", default=sys.executable, help="a Python with av, numpy and cv2, to encode clips")
    parser.epilog = "Each camera's user name is its id; the password is read from the file named by CAMERAS_PASSWORD_FILE or from CAMERAS_PASSWORD."
    return parser.parse_args()


def _password() -> str:
    """Never an argument: the process list would show it."""
    if os.environ.get("CAMERAS_PASSWORD_FILE"):
        return Path(os.environ["CAMERAS_PASSWORD_FILE"]).read_text().strip()
    if os.environ.get("CAMERAS_PASSWORD"):
        return os.environ["CAMERAS_PASSWORD"]
    sys.exit("CAMERAS_PASSWORD_FILE or CAMERAS_PASSWORD is not set (use --auth none for open cameras)")


def main() -> None:
    """Parses the arguments, moves to the system's Python when this one has no gi, serves."""
    arguments = _arguments()
    if not arguments.host.startswith("127."):
        sys.exit("simulated cameras listen on loopback only")
    _install_packages()
    if importlib.util.find_spec("gi") is None:
        if sys.executable == SYSTEM_PYTHON:
            sys.exit("missing Debian packages: see infra/simulators/cameras/packages.txt")
        command = [SYSTEM_PYTHON, "-m", "infra.simulators.cameras", "--encoder", arguments.encoder, *sys.argv[1:]]
        os.execv(SYSTEM_PYTHON, command)
    _serve(arguments)


def _install_packages() -> None:
    """Install the Debian packages that are missing where we may; otherwise name them and the command, and stop."""
    listed = (Path(__file__).with_name("packages.txt")).read_text().splitlines()
    wanted = [line for line in listed if line and not line.startswith("#")]
    known = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *wanted], capture_output=True, text=True
    )
    there = {line.split()[0] for line in known.stdout.splitlines() if line.endswith(" installed")}
    try:
        debian.install(set(wanted) - there, "simulated cameras")
    except Refused as refused:
        sys.exit(str(refused))


def _serve(arguments: argparse.Namespace) -> None:
    from infra.simulators.cameras import control, feeds, onvif, server

    server.Gst.init(None)
    password = "" if arguments.auth == "none" else _password()
    clips = feeds.Clips(arguments.clips, arguments.encoder)
    cameras = [_camera(feeds, arguments, index, password) for index in range(arguments.cameras)]
    clips.prepare(*dict.fromkeys(clips.name(camera, stream, None) for camera in cameras for stream in feeds.STREAMS))
    served = server.Cameras(arguments.host, arguments.port, cameras, clips, arguments.auth)
    served.start()
    web = control.serve(
        arguments.host,
        arguments.control_port or arguments.port + 1,
        served,
        onvif.Onvif(f"rtsp://{arguments.host}:{arguments.port}"),
    )
    threading.Thread(target=web.serve_forever, daemon=True).start()
    loop = server.GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        server.GLib.unix_signal_add(server.GLib.PRIORITY_HIGH, number, loop.quit)
    print(
        f"ready: {len(cameras)} cameras on rtsp://{arguments.host}:{arguments.port}, control on {web.server_address[1]}",
        flush=True,
    )
    loop.run()
    os._exit(0)  # pipelines of clients that still watch are not waited for


def _camera(feeds, arguments: argparse.Namespace, index: int, password: str):  # type: ignore[no-untyped-def]
    condition = "night" if index < arguments.night else "rain" if index < arguments.night + arguments.rain else "day"
    return feeds.Camera(
        id=f"cam-{index + 1:03d}",
        place=feeds.PLACES[index % len(feeds.PLACES)],
        condition=condition,
        codec="h265" if index >= arguments.cameras - arguments.h265 else "h264",
        audio=bool(arguments.audio_every) and index % arguments.audio_every == arguments.audio_every - 1,
        password=password,
    )


if __name__ == "__main__":
    main()

"""`python -m infra.simulators.province` lives a small Sơn La over the API of a running dossier service, until ended."""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import sys
import threading

from infra.local.accounts import officers
from infra.simulators.province import history, worktime
from infra.simulators.province.api import Api, Stopped
from infra.simulators.province.lives import Catalogue, Plan
from infra.simulators.province.office import Office, utc_now

EPILOG = """\
With the same seed the same people file the same things on the same days. Live dossiers arrive and are worked at by the
clock of Vietnam: at counters in office hours, online until late; officers work in office hours only. After a restart it
takes up its open dossiers where they are. The password of the OIDC provider's demo accounts comes from OIDC_PASSWORD;
`eval "$(python3 -m infra.local env)"` sets it, and the addresses, for the local stack.
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m infra.simulators.province",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dossier-url", default=os.environ.get("DOSSIER_URL"), help="default: DOSSIER_URL")
    parser.add_argument("--issuer", default=os.environ.get("OIDC_ISSUER"), help="OIDC provider; default: OIDC_ISSUER")
    parser.add_argument("--seed", type=int, default=1, help="of everything that happens (default 1)")
    parser.add_argument("--per-hour", type=float, default=20, help="dossiers an hour of office time (default 20)")
    parser.add_argument(
        "--fast-forward", type=int, metavar="DAYS", help="import the histories of so many days, and end"
    )
    parser.add_argument(
        "--history", type=int, default=0, metavar="DAYS", help="on an empty book: first import so many days (default 0)"
    )
    parser.add_argument(
        "--history-per-hour", type=float, metavar="N", help="dossiers an hour in histories (default: as --per-hour)"
    )
    arguments = parser.parse_args()
    if not (arguments.dossier_url and arguments.issuer and os.environ.get("OIDC_PASSWORD")):
        parser.error("DOSSIER_URL, OIDC_ISSUER and OIDC_PASSWORD say where and as whom; see --help")
    if not (0 < arguments.per_hour <= 2000 and 0 < (arguments.history_per_hour or 1) <= 2000):
        parser.error("between 0 and 2000 dossiers an hour")
    if not 0 <= max(arguments.fast_forward or 0, arguments.history) <= 3650:
        parser.error("at most ten years")
    return arguments


def _say(text: str) -> None:
    print(f"{datetime.datetime.now(worktime.VIETNAM):%d/%m %H:%M:%S} {text}", flush=True)


def main() -> int:
    """Parses the arguments, gives the province its past where it is to have one, and lives."""
    arguments = _arguments()
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    api = Api(arguments.dossier_url, arguments.issuer, os.environ["OIDC_PASSWORD"], stopping, _say)
    plan = Plan(arguments.seed, Catalogue.read())
    past = arguments.history_per_hour or arguments.per_hour
    try:
        if arguments.fast_forward:
            totals = history.fast_forward(api, plan, arguments.fast_forward, past, utc_now(), _say)
            return 1 if totals["bad"] else 0
        if arguments.history and history.is_empty(api):
            history.fast_forward(api, plan, arguments.history, past, utc_now(), _say)
    except Stopped:
        return 0
    _say(f"{arguments.per_hour:g} dossiers an hour, seed {arguments.seed}")
    Office(api, plan, officers(), arguments.per_hour, log=_say).run(stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())

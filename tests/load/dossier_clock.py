"""Deadlines a second of the legal clock, beside the working days that the `holidays` library itself counts.

`python -m tests.load.dossier_clock [--count N] [--rounds N]`. The library keeps whole days only: no hours, half days, pauses or
reasons; it is what somebody without a clock of their own would take.
"""

from __future__ import annotations

import argparse
import datetime
import random
import time
from collections.abc import Callable
from statistics import median

import holidays

from dossier.calendars import unit_calendar
from dossier.domain.clock import deadline
from dossier.domain.instants import VIETNAM
from dossier.domain.law import LAW
from dossier.domain.limits import Interval, IntervalKind, Limit

FIRST = datetime.datetime(2021, 1, 4, tzinfo=VIETNAM)
Moments = list[datetime.datetime]


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="deadlines in a round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chance = random.Random(1)
    moments = [FIRST + datetime.timedelta(minutes=chance.randrange(6 * 365 * 1440)) for _ in range(options.count)]
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, case in CASES.items():
            case(moments[:100])
            started = time.perf_counter()
            case(moments)
            took[name].append(time.perf_counter() - started)
    usual = median(took[PEER])
    for name, seconds in took.items():
        rate = options.count / median(seconds)
        print(f"{name:44} {rate:9,.0f}/s  {usual / median(seconds):6.1f} × the library")


def _ours(limit: Limit, explained: bool = False, paused: bool = False) -> Callable[[Moments], None]:
    calendar = unit_calendar()

    def run(moments: Moments) -> None:
        for at in moments:
            pause = datetime.timedelta(days=2)
            waits = [Interval(IntervalKind.PAYMENT, at + pause, at + 2 * pause)] if paused else []
            counted = deadline(calendar, LAW.on(at.date()), limit, at, waits)
            if explained:
                _ = counted.explanation

    return run


def _library() -> Callable[[Moments], None]:
    vietnam = holidays.country_holidays("VN", years=range(2021, 2028))

    def run(moments: Moments) -> None:
        for at in moments:
            vietnam.get_nth_working_day(at.date(), 10)

    return run


PEER = "holidays: 10th working day"
CASES: dict[str, Callable[[Moments], None]] = {
    PEER: _library(),
    "ours: 10 working days": _ours(Limit.working_days(10)),
    "ours: 10 working days, with a pause": _ours(Limit.working_days(10), paused=True),
    "ours: 40 working hours": _ours(Limit.working_hours(40)),
    "ours: 10 working days and each day's reason": _ours(Limit.working_days(10), explained=True),
}

if __name__ == "__main__":
    main()

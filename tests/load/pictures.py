"""Measures how well image faults are found: `python tests/load/pictures.py --seeds 101,102 --hours 6`; prints precision, recall, delay, false alarms.

The labelled set is drawn, not filmed: four places (corridor, yard, gate with trucks, lobby) by day, by night and in rain, people walking, sensor
noise, the camera's own ticking clock in the picture; each look goes through a real H.264 encoder (quantiser changing at random) and our decoder.
A seed changes people, textures, noise and (even seeds) mirrors the place. Thresholds were set on seeds 1, 2 and 11, those of a
scene that shines through and of people on 7, 101, 102, 205 and 303 to 305 too; measure on others.
Clean hours are looks every 10 s with dusk, night and dawn drawn in, and rain at another camera.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "services/ipcam")]

from infra.simulators.cameras import scenes  # noqa: E402
from infra.simulators.cameras.places import PLACES  # noqa: E402
from ipcam.domain.faults import Fault, FaultRaised, FaultState, Hysteresis, look  # noqa: E402
from ipcam.media import grey  # noqa: E402
from ipcam.persons import HogPersonFinder, occupied  # noqa: E402
from ipcam.reference import Reference  # noqa: E402
from ipcam.vision import PICTURE_FAULTS, PictureJudge  # noqa: E402
from tests.integration.ipcam.labelled import SUB, TRUTH, Coder, Shot, looks  # noqa: E402

START = datetime(2021, 6, 1, tzinfo=UTC)


@dataclass
class Score:
    """Per fault: episodes given, found under their own name, found under another; looks by (truth, said); false alarms per clean hour."""

    given: Counter[Fault] = field(default_factory=Counter)
    found: Counter[Fault] = field(default_factory=Counter)
    otherwise: Counter[tuple[Fault, Fault]] = field(default_factory=Counter)
    said: Counter[tuple[Fault | None, Fault | None]] = field(default_factory=Counter)
    delays: dict[Fault, list[float]] = field(default_factory=lambda: defaultdict(list))
    false_alarms: list[tuple[Shot, float, Fault]] = field(default_factory=list)
    clean_s: float = 0.0
    judge_cpu_s: float = 0.0
    looks: int = 0

    def shoot(self, shot: Shot, rule: Hysteresis = Hysteresis()) -> None:
        """Follows one shot as the worker would: judge, then hysteresis per fault."""
        judge, states = PictureJudge(), {fault: FaultState(fault) for fault in PICTURE_FAULTS}
        raised: dict[Fault, float] = {}
        for t, picture, true in looks(shot):
            began = time.thread_time()
            judgement = judge.look(picture)
            self.judge_cpu_s += time.thread_time() - began
            self.looks += 1
            self.said[(true, judgement.fault)] += 1
            for fault in PICTURE_FAULTS:
                states[fault], change = look(states[fault], judgement.shows(fault), START + timedelta(seconds=t), rule)
                if isinstance(change, FaultRaised):
                    raised.setdefault(fault, t)
                    if true is None and not (
                        shot.fault and shot.fault_from_s <= t <= shot.fault_to_s + 5 * shot.every_s
                    ):
                        self.false_alarms.append((shot, t, fault))
        self.clean_s += shot.ends_s - (shot.fault_to_s - shot.fault_from_s)
        if shot.fault:
            self._episode(TRUTH[shot.fault], raised, shot.fault_from_s)

    def _episode(self, true: Fault, raised: dict[Fault, float], began: float) -> None:
        self.given[true] += 1
        if true in raised:
            self.found[true] += 1
            self.delays[true].append(raised[true] - began)
        for fault in raised:
            if fault is not true:
                self.otherwise[(true, fault)] += 1

    def table(self) -> str:
        """For people."""
        lines = [
            f"{'fault':14}{'episodes':>9}{'found':>7}{'recall':>8}{'precision':>10}{'delay s (median, worst)':>25}"
        ]
        for fault in PICTURE_FAULTS:
            if not self.given[fault]:
                continue
            wrong = sum(n for (_, as_), n in self.otherwise.items() if as_ is fault) + sum(
                f is fault for _, _, f in self.false_alarms
            )
            precision = self.found[fault] / max(1, self.found[fault] + wrong)
            delays = sorted(self.delays[fault]) or [float("nan")]
            delay = f"{delays[len(delays) // 2]:.0f}, {delays[-1]:.0f}"
            recall = self.found[fault] / self.given[fault]
            lines.append(
                f"{fault:14}{self.given[fault]:>9}{self.found[fault]:>7}{recall:>8.2f}{precision:>10.2f}{delay:>25}"
            )
        lines.append(
            "under another name: " + (", ".join(f"{a} as {b}: {n}" for (a, b), n in self.otherwise.items()) or "none")
        )
        days = self.clean_s / 86400
        cost_ms = 1000 * self.judge_cpu_s / max(1, self.looks)
        lines.append(
            f"false alarms: {len(self.false_alarms)} in {days:.2f} clean camera-days; judge {cost_ms:.1f} ms CPU a look"
        )
        return "\n".join(lines)


def look_of(place: str, condition: str, seed: int) -> scenes.Look:
    """A place with its people and, at the gate, its trucks."""
    return scenes.Look(place, condition, actors=seed % 4, trucks=1 if place == "gate" else 0, seed=seed, period_s=37)


def faulty(seed: int, places: tuple[str, ...] = PLACES, conditions: tuple[str, ...] = scenes.CONDITIONS) -> list[Shot]:
    """Every fault at every place in every light, 100 s long, after 100 s of well pictures, at times that fit no period."""
    base = Shot(scenes.Look("yard"), fault_from_s=100, fault_to_s=200, ends_s=250, mirrored=seed % 2 == 0)
    return [
        replace(base, look=look_of(p, c, seed), fault=f)
        for p in places
        for c in conditions
        for f in scenes.PICTURE_FAULTS
    ]


def clean(seed: int, hours: float) -> list[Shot]:
    """A camera in each place through dusk and one in the rain, for so many hours together."""
    each = hours * 3600 / (len(PLACES) + 1)
    shots = [
        Shot(look_of(p, "day", seed), ends_s=each, dusk_from_s=each / 3, dusk_takes_s=600, mirrored=seed % 2 == 0)
        for p in PLACES
    ]
    return [*shots, Shot(look_of("yard", "rain", seed), ends_s=each)]


def persons(seeds: list[int], moments: int = 15) -> str:
    """How well OpenCV's people detector finds the drawn people, by light; every place with two of them and with none."""
    finder, ground = HogPersonFinder(), {"ground": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}
    lines = [
        f"{'people':14}{'looks':>9}{'recall':>8}{'false alarms':>14}{'ms CPU a look':>15}   (single looks; two of three are believed)"
    ]
    for light in scenes.CONDITIONS:
        seen: Counter[int] = Counter()
        cpu_s = 0.0
        for seed, place, actors in itertools.product(seeds, PLACES, (0, 2)):
            coder, drawn = Coder(seed), scenes.Look(place, light, actors=actors, seed=seed)
            usual = _learned(coder, drawn)
            for index in range(moments):
                frame = coder.frame(scenes.frame(drawn, index * 0.7, SUB))
                began = time.thread_time()
                seen[actors] += occupied(finder, frame, ground, usual)["ground"]
                cpu_s += time.thread_time() - began
        looks = len(seeds) * len(PLACES) * moments
        lines.append(f"{light:14}{2 * looks:>9}{seen[2] / looks:>8.2f}{seen[0]:>14}{1000 * cpu_s / looks / 2:>15.0f}")
    return "\n".join(lines)


def _learned(coder: Coder, drawn: scenes.Look) -> Reference | None:
    """What the judge has learned of a place after two minutes."""
    judge = PictureJudge()
    for index in range(12):
        judge.look(grey(coder.frame(scenes.frame(drawn, 100 + 10.3 * index, SUB))))
    return judge.settled


def main() -> None:
    """Measures and prints."""
    import cv2

    cv2.setNumThreads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101")
    parser.add_argument("--hours", type=float, default=2.0, help="clean camera-hours per seed")
    parser.add_argument("--clean-only", action="store_true", help="only look for false alarms")
    arguments = parser.parse_args()
    score, seeds = Score(), [int(seed) for seed in arguments.seeds.split(",")]
    if not arguments.clean_only:
        print(persons(seeds), flush=True)
    for seed in seeds:
        for shot in (*(() if arguments.clean_only else faulty(seed)), *clean(seed, arguments.hours)):
            score.shoot(shot)
        print(f"after seed {seed}\n{score.table()}", flush=True)
    for shot, t, fault in score.false_alarms[:20]:
        print(f"false alarm: {shot.look.place} {shot.look.condition} seed {shot.look.seed} at {t:.0f} s: {fault}")


if __name__ == "__main__":
    main()

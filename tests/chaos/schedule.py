"""The faults of a run, drawn in advance: the same seed and length give the same faults at the same times."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

from tests.chaos.children import RELAYS, ROSTER, WORKERS

EVERY_S = 1.5  # a new fault as often as this, and more often where the run is too short for each kind
FIRST_S = 1.0
CLOSEST_S = 0.6
CRASH_LOOP = "crash loop of the workers"


@dataclasses.dataclass(frozen=True)
class Fault:
    """What goes wrong `at_s` seconds after the start, with whom, and for how long (0: it is over at once)."""

    at_s: float
    kind: str
    target: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.target}".strip() + lasts


@dataclasses.dataclass(frozen=True)
class Card:
    """A kind of fault, whom it may hit, and how long it may last."""

    kind: str
    targets: tuple[str, ...] = ("",)
    shortest_s: float = 0.0
    longest_s: float = 0.0

    def draw(self, dice: random.Random, at_s: float) -> Fault:
        seconds = dice.uniform(self.shortest_s, self.longest_s)
        return Fault(round(at_s, 2), self.kind, dice.choice(self.targets), seconds)


DECK = (
    Card("kill -9", RELAYS),
    Card("kill -9", WORKERS),
    Card("kill -9", WORKERS),
    Card(CRASH_LOOP),
    Card("SIGTERM", RELAYS),
    Card("SIGTERM", WORKERS),
    Card("SIGTERM", WORKERS),
    Card("freeze", RELAYS, 1.0, 7.0),
    Card("freeze", WORKERS, 1.0, 7.0),
    Card("drop broker", RELAYS),
    Card("drop broker", WORKERS),
    Card("drop database", ROSTER),
    Card("drop database", WORKERS),
    Card("drop everything"),
    Card("black hole to broker", RELAYS, 1.0, 7.0),
    Card("black hole to broker", WORKERS, 1.0, 7.0),
    Card("black hole to database", RELAYS, 1.0, 5.0),
    Card("black hole to database", WORKERS, 1.0, 5.0),
    Card("slow network", ROSTER, 2.0, 4.0),
    Card("broker restart", ("",), 0.0, 1.5),
    Card("broker kill -9"),
    Card("PostgreSQL fast restart", ("",), 0.0, 1.5),
    Card("PostgreSQL immediate restart"),
    Card("repeated events"),
    Card("repeated events"),
    Card("reordered repeats"),
    Card("reordered repeats"),
    Card("undecodable messages"),
)


def deck(only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Card]:
    """The cards whose kind or targets have one of the words of `only` (none: all), and none of those of `skip`."""
    told = {card: f"{card.kind} {' '.join(card.targets)}" for card in DECK}
    chosen = [card for card in DECK if not only or any(word in told[card] for word in only)]
    return [card for card in chosen if not any(word in told[card] for word in skip)]


def plan(seed: int, seconds: float, cards: Sequence[Card] = DECK) -> list[Fault]:
    """Round after round, each card once in a random order; the first round always fits in."""
    if not cards:
        return []
    dice = random.Random(f"faults/{seed}")
    step = max(CLOSEST_S, min(EVERY_S, (seconds - FIRST_S) / len(cards)))
    faults: list[Fault] = []
    at_s = FIRST_S
    while at_s < seconds:
        for card in dice.sample(cards, len(cards)):
            if at_s < seconds:
                faults.append(card.draw(dice, at_s + dice.uniform(0.0, 0.5 * step)))
            at_s += step
    return faults

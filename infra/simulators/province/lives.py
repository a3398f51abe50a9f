"""What becomes of a dossier, planned whole from a seed: who files what where, each act with its time, and how late."""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
from pathlib import Path
from typing import Any

from infra.simulators.province import people, worktime
from infra.simulators.province.course import Act, Course, Unit

SEED = Path(__file__).resolve().parents[2] / "seed" / "province.json"
WEIGHTS = {"province": 3, "district": 3, "commune": 4}
CHANNELS = {True: (("direct", 0.5), ("online", 0.42), ("post", 0.08)), False: (("online", 1.0),)}


@dataclasses.dataclass(frozen=True)
class Life:
    """A dossier from filing to its end; `code` is the one of its history, what is filed live is given one."""

    stream: str
    day: datetime.date
    number: int
    code: str
    unit: str
    procedure: str
    channel: str
    applicant: dict[str, Any]
    filed_at: datetime.datetime
    acts: tuple[Act, ...]

    @property
    def id(self) -> str:
        """Names it for ever: the same in every run with the same seed."""
        return f"{self.stream}-{self.day:%Y%m%d}-{self.number}"

    def body(self) -> dict[str, Any]:
        """What is filed."""
        return {"procedure": self.procedure, "unit": self.unit, "channel": self.channel, "applicant": self.applicant}

    def line(self, until: datetime.datetime) -> dict[str, Any]:
        """As a line of an import: what had happened by then."""
        acts = [{"act": act.name, "at": act.at.isoformat(), **act.body} for act in self.acts if act.at <= until]
        named = {"source_code": self.id, "code": self.code, "filed_at": self.filed_at.isoformat(), "acts": acts}
        return self.body() | named


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Units and procedures of the seed, and which procedures are handled where."""

    units: dict[str, dict[str, Any]]
    offered: tuple[tuple[str, dict[str, Any]], ...]
    weights: tuple[float, ...]

    @classmethod
    def read(cls, path: Path = SEED) -> Catalogue:
        document = json.loads(path.read_text())
        units = {unit["code"]: unit for unit in document["units"]}
        offered = tuple(
            (code, procedure)
            for code, unit in units.items()
            for procedure in document["procedures"]
            if unit["level"] in procedure["unit_levels"] and _handles(code, unit, procedure)
        )
        weights = tuple(float(WEIGHTS[units[code]["level"]]) for code, _ in offered)
        return cls(units, offered, weights)


BUSINESS = ("H52-DD", "H52-XD", "H52-DKKD")
"""Fields in which companies file too."""
FIELDS = {"H52.17": ("H52-LLTP", "H52-HT"), "H52.18": ("H52-DD",), "H52.19": ("H52-XD",)}
"""Departments handle their own field; committees every field of their level."""


def _handles(code: str, unit: dict[str, Any], procedure: dict[str, Any]) -> bool:
    if "parent" not in unit:  # the provincial committee itself takes nothing at a counter
        return False
    own = unit["level"] != "province" or procedure["field_code"] in FIELDS.get(code, ())
    return own and all(step["unit"] != code for step in procedure.get("steps", []))


class Plan:
    """The province of one seed: any day's dossiers, always the same ones."""

    def __init__(self, seed: int, catalogue: Catalogue) -> None:
        self.seed, self.catalogue = seed, catalogue

    def day(self, stream: str, day: datetime.date, per_hour: float) -> list[Life]:
        """The dossiers filed on a day, in order; fewer, and none at the counter, while offices are closed."""
        rng = random.Random(f"{self.seed}:{stream}:{day}")
        expected = per_hour * (worktime.MINUTES_A_DAY / 60 if worktime.works(day) else 1.5)
        count = min(9999, max(0, round(rng.gauss(expected, expected**0.5))))
        lives = (self.life(stream, day, number) for number in range(1, count + 1))
        return sorted(lives, key=lambda life: life.filed_at)

    def life(self, stream: str, day: datetime.date, number: int) -> Life:
        """The n-th dossier of a day, which is the same however many there are."""
        rng = random.Random(f"{self.seed}:{stream}:{day}:{number}")
        unit, procedure = rng.choices(self.catalogue.offered, self.catalogue.weights)[0]
        channel = _channel(rng, worktime.works(day), procedure)
        filed_at = worktime.at(day, worktime.filing_minute(rng, channel != "online"))
        phone = people.telephone(stream, day, number)
        place = _place(self.catalogue.units[unit]["name"])
        return Life(
            stream=stream,
            day=day,
            number=number,
            code=f"{unit}-{day:%y%m%d}-{number:04}",
            unit=unit,
            procedure=procedure["code"],
            channel=channel,
            applicant=people.applicant(rng, phone, place, procedure["field_code"] in BUSINESS),
            filed_at=filed_at,
            acts=tuple(Course(rng, self._unit(unit), procedure, channel, filed_at).acts()),
        )

    def _unit(self, code: str) -> Unit:
        """A unit as its officers work this year: some are slower than others."""
        pace = random.Random(f"{self.seed}:pace:{code}").uniform(0.75, 1.05)
        return Unit(code, self.catalogue.units[code]["name"], pace)


def _channel(rng: random.Random, open_: bool, procedure: dict[str, Any]) -> str:
    channel = _chosen(rng, CHANNELS[open_])
    offered = procedure["online_level"] >= 3 or channel != "online"
    return channel if offered else "direct" if open_ else "post"


def _place(unit_name: str) -> str:
    """Where people live who file there: the place that a committee governs; departments stand in the city."""
    governed = unit_name.removeprefix("Ủy ban nhân dân ")
    return governed if governed != unit_name else "phường Chiềng Lề"


def _chosen(rng: random.Random, options: tuple[tuple[str, float], ...]) -> str:
    names, weights = zip(*options, strict=True)
    return str(rng.choices(names, weights)[0])

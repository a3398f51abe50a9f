"""Effective-dated rule sets: what a decree fixes as numbers, the text and article of each rule, and the choice by date
of receipt.

A dossier keeps the id of the rule set in force on the day it was received and is judged by it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple

from dossier.domain.limits import SupplementClock


class Rule(Enum):
    """The rules a business act can break; every rule set says each in Vietnamese and names its article."""

    STATUS = "status"
    SUPPLEMENT_ONCE = "supplement_once"
    SUPPLEMENT_REASON = "supplement_reason"
    SUPPLEMENT_IN_TIME = "supplement_in_time"
    SUPPLEMENT_RESTARTS = "supplement_restarts"
    SUPPLEMENT_AWAITED = "supplement_awaited"
    INTAKE_ANSWER = "intake_answer"
    REFUSAL_REASON = "refusal_reason"
    REFUSAL_IN_TIME = "refusal_in_time"
    FORWARD_SAME_DAY = "forward_same_day"
    NEXT_STEP = "next_step"
    STEP_DEADLINE = "step_deadline"
    ON_THE_SPOT = "on_the_spot"
    REAPPOINTMENT_ONCE = "reappointment_once"
    REAPPOINTMENT_IN_TIME = "reappointment_in_time"
    REAPPOINTMENT_LETTER = "reappointment_letter"
    EARLY_RESULT = "early_result"
    FEE = "fee"
    WITHDRAWAL = "withdrawal"
    STOP_REASON = "stop_reason"
    ORDER_OF_ACTS = "order_of_acts"


class Provision(NamedTuple):
    """A rule as people read it and the article it stands in (`NĐ 61/2018, Điều 11(2)(c)`).

    `checked` is False while nobody has compared it with the text that it names.
    """

    text: str
    article: str
    checked: bool = True


@dataclass(frozen=True)
class RuleSet:
    """One decree in force from a day: its numbers and its provisions.

    `supplement_within_days` are whole working days after the day of receipt, `supplement_answer_days` calendar days after
    the day of the request (None: the decree sets none), `reappointment_lead_days` calendar days before the due date,
    `online_answer_hours` working hours, `forward_cutoff_hour` a local hour.
    """

    id: str
    decree: str
    effective_from: date
    provisions: Mapping[Rule, Provision]
    supplement_clock: SupplementClock = SupplementClock.RESTART
    supplement_requests: int = 1
    supplement_within_days: int = 3
    supplement_answer_days: int | None = None
    reappointments: int = 1
    reappointment_lead_days: int = 1
    forward_cutoff_hour: int = 15
    online_answer_hours: int = 8

    def __post_init__(self) -> None:
        missing = [rule.value for rule in Rule if rule not in self.provisions]
        if missing:
            raise ValueError(f"rule set {self.id} has no provision for {', '.join(missing)}")

    def article(self, rule: Rule) -> str:
        """The article a rule stands in."""
        return self.provisions[rule].article

    @property
    def unchecked(self) -> tuple[Rule, ...]:
        """The rules that nobody has compared with the text they name."""
        return tuple(rule for rule in Rule if not self.provisions[rule].checked)


class NoRuleSet(LookupError):
    """No rule set is known by that id, or none was in force on that day."""


@dataclass(frozen=True)
class RuleBook:
    """All rule sets the platform knows."""

    rule_sets: tuple[RuleSet, ...]

    def on(self, received_on: date) -> RuleSet:
        """The rule set in force on the day of receipt: the latest one that had taken effect."""
        in_force = [rule_set for rule_set in self.rule_sets if rule_set.effective_from <= received_on]
        if not in_force:
            raise NoRuleSet(f"Chưa có quy định nào được khai báo cho ngày {received_on:%d/%m/%Y}")
        return max(in_force, key=lambda rule_set: rule_set.effective_from)

    def by_id(self, rule_set_id: str) -> RuleSet:
        """The rule set a dossier was received under."""
        for rule_set in self.rule_sets:
            if rule_set.id == rule_set_id:
                return rule_set
        raise NoRuleSet(f"Không có bộ quy định {rule_set_id!r}")

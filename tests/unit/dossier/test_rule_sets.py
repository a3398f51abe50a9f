"""Effective-dated rule sets: chosen by the day of receipt, kept by id, every rule with its text and article."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dossier.domain.law import LAW
from dossier.domain.limits import SupplementClock
from dossier.domain.rules import NoRuleSet, Rule, RuleBook


@pytest.mark.parametrize(
    ("received_on", "rule_set_id"),
    [
        (date(2018, 6, 21), "nd-61-2018"),
        (date(2021, 10, 12), "nd-61-2018"),
        (date(2025, 6, 30), "nd-61-2018"),
        (date(2025, 7, 1), "nd-118-2025"),
        (date(2100, 1, 1), "nd-118-2025"),
    ],
)
def test_the_day_of_receipt_chooses_the_rule_set(received_on: date, rule_set_id: str) -> None:
    assert LAW.on(received_on).id == rule_set_id
    assert RuleBook(tuple(reversed(LAW.rule_sets))).on(received_on).id == rule_set_id


def test_a_day_before_every_rule_set_has_none() -> None:
    with pytest.raises(NoRuleSet, match="20/06/2018"):
        LAW.on(date(2018, 6, 20))


def test_an_unknown_rule_set_is_an_error() -> None:
    with pytest.raises(NoRuleSet):
        LAW.by_id("nd-1-1900")


def test_61_2018_says_what_the_decree_says() -> None:
    rules = LAW.by_id("nd-61-2018")
    assert rules.supplement_clock is SupplementClock.RESTART
    assert (rules.supplement_requests, rules.supplement_within_days) == (1, 3)
    assert (rules.reappointments, rules.reappointment_lead_days) == (1, 1)
    assert (rules.forward_cutoff_hour, rules.online_answer_hours) == (15, 8)
    assert rules.article(Rule.SUPPLEMENT_ONCE) == "NĐ 61/2018, Điều 11(2)(c)"
    assert rules.supplement_answer_days is None, "the last day to answer is the officer's to name"
    assert rules.unchecked == ()


def test_a_rule_set_says_every_rule() -> None:
    rules = LAW.by_id("nd-61-2018")
    provisions = dict(rules.provisions)
    del provisions[Rule.FEE]
    with pytest.raises(ValueError, match="fee"):
        replace(rules, provisions=provisions)

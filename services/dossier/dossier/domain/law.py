"""The rule book in force: every decree the platform knows, in the order in which they took effect."""

from __future__ import annotations

from dossier.domain.decree_61_2018 import DECREE_61_2018
from dossier.domain.decree_118_2025 import DECREE_118_2025
from dossier.domain.rules import RuleBook

LAW = RuleBook((DECREE_61_2018, DECREE_118_2025))

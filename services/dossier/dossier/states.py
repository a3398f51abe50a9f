"""The domain's dossier as JSON and back: the whole state is stored, so that a rule added later finds what it needs."""

from __future__ import annotations

import datetime
from typing import Any

from cattrs.preconf.json import make_converter

from dossier.domain.dossiers import Dossier
from dossier.domain.facts import Fact
from dossier.domain.instants import VIETNAM

CONVERTER = make_converter(omit_if_default=True)
CONVERTER.register_structure_hook(
    datetime.datetime, lambda text, _: datetime.datetime.fromisoformat(text).astimezone(VIETNAM)
)


def to_json(dossier: Dossier) -> dict[str, Any]:
    """JSON values only; what is at its default is left out."""
    state: dict[str, Any] = CONVERTER.unstructure(dossier)
    return state


def from_json(state: dict[str, Any]) -> Dossier:
    """The dossier as it was stored."""
    return CONVERTER.structure(state, Dossier)


def fact_to_json(fact: Fact) -> dict[str, Any]:
    """A fact's own fields as JSON values, for the history."""
    values: dict[str, Any] = CONVERTER.unstructure(fact)
    return values

"""What a citizen is ordered to be told."""

from __future__ import annotations

from datetime import datetime

import pytest

from dossier.announcements import order_of
from dossier.calendars import unit_calendar
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel, Terms
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.store import Person, Record

CALENDARS = {"H52.17": unit_calendar()}


@pytest.mark.parametrize(("year", "decree"), [(2024, "Nghị định 61/2018/NĐ-CP"), (2026, "Nghị định 118/2025/NĐ-CP")])
def test_the_letter_is_given_the_decree_of_the_day_of_filing(year: int, decree: str) -> None:
    at, terms = datetime(year, 11, 25, 9, tzinfo=VIETNAM), Terms("1.005129", Limit.working_days(10))
    dossier, (fact,) = lifecycle.receive("H52-1", terms, "H52.17", Channel.DIRECT, at, CALENDARS)
    record = Record(dossier, Person("Lò Văn An", "an@example.vn"), 1, "Sở", "Thủ tục", 1)

    order = order_of(record, fact)

    assert order is not None
    assert order[2]["values"]["decree"] == decree

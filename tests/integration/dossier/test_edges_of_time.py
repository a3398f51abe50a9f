"""Dates at the ends of what can be written are refused where they stand, and nothing was done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.dossier.reading_world import Desk

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"


@pytest.mark.parametrize("due_at", [FIRST, LAST])
@pytest.mark.parametrize("act", ["extend", "propose-apology"])
def test_a_new_date_that_no_calendar_has(desk: Desk, act: str, due_at: str) -> None:
    code = desk.file("A")
    desk.act(code, "accept")
    refused = desk(
        "POST", f"/v1/dossiers/{code}/{act}", scopes=["dossier:write", "dossier:approve"],
        json={"reason": "Bận", "due_at": due_at},
    )  # fmt: skip
    assert fields(refused) == ["due_at"]
    assert desk.world.sql("SELECT fact FROM dossier_history WHERE fact <> 'DossierReceived'") == [("DossierAccepted",)]


@pytest.mark.parametrize("due_at", [FIRST, LAST])
def test_a_letter_with_a_date_that_no_calendar_has(desk: Desk, due_at: str) -> None:
    code = desk.file("A")
    path = f"/v1/dossiers/{code}/apology-letter"
    assert fields(desk("GET", path, query_string={"reason": "x", "due_at": due_at})) == ["due_at"]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_last_day_to_answer_that_no_calendar_has(desk: Desk, day: str) -> None:
    code = desk.file("A")
    path = f"/v1/dossiers/{code}/request-supplement"
    assert fields(desk("POST", path, json={"reason": "x", "respond_by": day})) == ["respond_by"]


@pytest.mark.parametrize("days", [{"day": "9999-12-31"}, {"day": "2026-03-02", "last_day": "9999-12-31"}])
def test_a_day_off_that_no_calendar_has(desk: Desk, days: dict[str, str]) -> None:
    body = {"works": True, "reason": "x", "unit": "H52.17"} | days
    refused = desk("POST", "/v1/calendar/overrides", scopes=["catalogue:write"], unit="*", json=body)
    assert fields(refused) == [max(days, key=lambda name: days[name])]
    assert desk.world.sql("SELECT 1 FROM calendar_override WHERE day > '2100-01-01'") == []


def fields(answer: Any) -> list[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    return [error["field"].removeprefix("json.").removeprefix("query.") for error in answer.json["errors"]]

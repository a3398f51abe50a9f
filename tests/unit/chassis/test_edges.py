"""Small parts at the edge: logs that mask, cursors that cannot be forged, errors that name the field, settings that refuse."""

from __future__ import annotations

import dataclasses
from typing import Any

import psycopg2
import pytest
import sqlalchemy.exc
from hypothesis import given
from hypothesis import strategies as st

from chassis import logs, paging
from chassis.audit import GENESIS, digest
from chassis.context import correlation_from
from chassis.database import is_away
from chassis.problems import Problem, field_errors
from chassis.settings import EX_CONFIG, read, variable
from chassis.storable import unstorable


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("amqp://stats:s3cr3t@127.0.0.1/ioc", "s3cr3t"),
        ("cannot reach postgresql://u:p4ss@h/db now", "p4ss"),
        ("mail to an.lo@example.vn failed", "an.lo@"),
        ("call +84212385200", "2385"),
        ("CCCD 014087001234", "087001"),
    ],
)
def test_free_text_in_a_log_line_hides_what_points_at_a_person_or_opens_a_door(text: str, secret: str) -> None:
    assert secret not in logs.mask_text(text)


@pytest.mark.parametrize(
    "text", ["H52.17-211012-0001", "01a206bb-6900-720d-8baa-b7c371868bae", "2021-10-12T09:00:00+07:00", "12345678"]
)
def test_codes_ids_and_times_stay_readable(text: str) -> None:
    assert logs.mask_text(text) == text


def test_values_of_personal_and_secret_keys_are_masked_at_any_depth() -> None:
    line = logs.mask(None, "info", {"event": "x", "full_name": "Lò Văn An", "inner": {"password": "p", "unit": "H52"}})
    assert line == {"event": "x", "full_name": "***", "inner": {"password": "***", "unit": "H52"}}


@given(st.one_of(st.integers(0, 2**62), st.text(), st.lists(st.text())))
def test_a_cursor_that_was_handed_out_leads_back_to_its_key(key: Any) -> None:
    assert paging.decode(paging.encode(key), type(key)()) == key


@given(st.text(max_size=40))
def test_any_other_cursor_is_refused_by_name(cursor: str) -> None:
    try:
        assert isinstance(paging.decode(cursor, 0), int)
    except Problem as problem:
        assert problem.status == 422
        assert problem.body["errors"][0]["field"] == "cursor"


def test_a_page_has_a_cursor_only_when_more_follows() -> None:
    assert paging.page([1, 2], 2, lambda row: row) == {"items": [1, 2], "next": None}
    more = paging.page([1, 2, 3], 2, lambda row: row)
    assert (more["items"], paging.decode(more["next"], 0)) == ([1, 2], 2)


def test_an_error_names_the_place_of_the_value() -> None:
    messages = {"steps": {0: {"unit": ["Missing data."]}}, "_schema": ["Bad."]}
    assert field_errors(messages) == [
        {"field": "steps.0.unit", "rule": "Missing data."},
        {"field": "body", "rule": "Bad."},
    ]


@pytest.mark.parametrize("header", [None, "", "a b", "x" * 65, "a\nb", "ấ"])
def test_a_correlation_id_that_could_forge_a_log_line_is_replaced(header: str | None) -> None:
    assert correlation_from(header) != header


def test_text_that_no_database_can_keep_is_found_with_its_place() -> None:
    assert unstorable({"a": [{"b": "x\x00"}], "c": "\ud800", "d": "đ"}) == ["a.0.b", "c"]


class FromServer(psycopg2.OperationalError):
    pgcode = "57P01"


class Deadlock(psycopg2.OperationalError):
    pgcode = "40P01"


@pytest.mark.parametrize(
    ("original", "away"),
    [(psycopg2.OperationalError("server closed"), True), (FromServer(), True), (Deadlock(), False)],
)
def test_a_lost_server_is_told_apart_from_a_bad_statement(original: Exception, away: bool) -> None:
    assert is_away(sqlalchemy.exc.OperationalError("SELECT 1", {}, original)) is away


def test_a_handlers_own_error_is_not_the_databases() -> None:
    assert not is_away(ValueError("x"))


@dataclasses.dataclass(frozen=True)
class Two:
    """Two variables."""

    first: int = variable("FIRST_NUMBER", "a number")
    second: str = variable("SECOND_WORD", "a word")


def test_every_missing_variable_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FIRST_NUMBER", "many")
    monkeypatch.delenv("SECOND_WORD", raising=False)
    with pytest.raises(SystemExit) as stopped:
        read(Two)
    assert stopped.value.code == EX_CONFIG
    words = capsys.readouterr().err
    assert "FIRST_NUMBER" in words and "SECOND_WORD" in words


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": "đ"}) == digest({"b": "đ", "a": 1}) != digest({"a": 1, "b": "d"})
    assert len(GENESIS) == len(digest({}))

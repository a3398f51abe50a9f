"""Dossier codes and agency codes of both schemes."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.domain.codes import AgencyCode, BadCode, CodeParts, CodePattern, agency_code, check_code

RECEIVED = date(2021, 10, 12)


def test_the_default_pattern_is_that_of_the_circular() -> None:
    assert CodePattern().code("000.00.17.H52", RECEIVED, 1) == "000.00.17.H52-211012-0001"


def test_the_sequence_survives_9999() -> None:
    assert CodePattern().code("H52.17", RECEIVED, 9_999) == "H52.17-211012-9999"
    assert CodePattern().code("H52.17", RECEIVED, 10_000) == "H52.17-211012-10000"
    assert CodePattern().parse("H52.17-211012-10000") == CodeParts("H52.17", RECEIVED, 10_000)


def test_the_pattern_is_configurable() -> None:
    pattern = CodePattern("{agency}-{yyyymmdd}-{sequence:7}")
    assert pattern.code("G09.20", date(2026, 6, 9), 92_637) == "G09.20-20260609-0092637"
    assert pattern.parse("G09.20-20260609-0092637") == CodeParts("G09.20", date(2026, 6, 9), 92_637)
    assert CodePattern("{yy}/{sequence}/{agency}").code("H52", RECEIVED, 12) == "21/12/H52"
    assert CodePattern("{yy}/{sequence}/{agency}").parse("21/12/H52") == CodeParts("H52", None, 12)


@given(
    st.sampled_from(["{agency}-{yymmdd}-{sequence:4}", "{yyyymmdd}.{sequence:6}.{agency}"]),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.integers(1, 10**7),
)
def test_a_code_says_what_it_was_made_from(text: str, received_on: date, sequence: int) -> None:
    pattern = CodePattern(text)
    assert pattern.parse(pattern.code("H52.17.05", received_on, sequence)) == CodeParts(
        "H52.17.05", received_on, sequence
    )


@pytest.mark.parametrize(
    "text",
    [
        "{agency}-{sequence:4}",
        "{agency}-{yymmdd}",
        "{agency}{agency}-{yymmdd}-{sequence}",
        "{unit}-{yymmdd}-{sequence}",
        "{agency}-{yymmdd}-{yy}-{sequence}",
        "{agency}-{yymmdd}-{sequence:4}-{",
        "{agency}-{yymmdd}-{sequence:4x}",
    ],
)
def test_a_pattern_that_does_not_tell_codes_apart_is_refused(text: str) -> None:
    with pytest.raises(BadCode):
        CodePattern(text)


def test_a_sequence_starts_at_one() -> None:
    with pytest.raises(BadCode):
        CodePattern().code("H52", RECEIVED, 0)


@pytest.mark.parametrize("code", ["G09.20-20260609-0092637", "HS/2021/ĐKKD-77", "17", "000.00.17.H52-211312-0001"])
def test_any_code_of_another_system_is_accepted_as_it_is(code: str) -> None:
    assert check_code(code) == code
    assert CodePattern().parse(code) is None or code.startswith("G09")


@pytest.mark.parametrize("code", ["", "a b", "a\n", "a\u200b", "x" * 65, "a\u00a0b"])
def test_a_code_that_cannot_be_printed_or_typed_is_refused(code: str) -> None:
    with pytest.raises(BadCode):
        check_code(code)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("000.00.00.H52", "H52"),
        ("000.00.17.H52", "H52.17"),
        ("000.05.17.H52", "H52.17.05"),
        ("012.05.17.H52", "H52.17.05.012"),
        ("012.00.17.H52", "H52.17.00.012"),
    ],
)
def test_both_schemes_name_the_same_unit(old: str, new: str) -> None:
    assert agency_code(old) == agency_code(new)
    assert (agency_code(old).new, agency_code(new).old) == (new, old)


@pytest.mark.parametrize("text", ["H52.1", "H52.17.05.012.3", "H52.ABC", "Y99"])
def test_a_new_code_need_not_fit_the_old_scheme(text: str) -> None:
    agency = agency_code(text)
    assert agency.new == text
    assert agency.old is None or agency_code(agency.old) == agency


@pytest.mark.parametrize(
    "text",
    ["", "h52", "Z52.17", "H5", "H52.", "H52..17", "H52.17 ", "000.00.17.Z52", "00.00.17.H52", "H52." + "1" * 32],
)
def test_a_code_of_neither_scheme_is_refused(text: str) -> None:
    with pytest.raises(BadCode):
        agency_code(text)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))
def test_old_codes_go_round(second: int, third: int, fourth: int) -> None:
    old = f"{fourth:03}.{third:02}.{second:02}.H52"
    assert agency_code(old).old == old
    assert agency_code(agency_code(old).new) == agency_code(old)


def test_an_agency_is_its_levels() -> None:
    assert agency_code("000.00.17.H52") == AgencyCode(("H52", "17"))

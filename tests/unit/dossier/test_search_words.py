"""What somebody typed becomes words: with and without accents, and nothing of it can be taken for an operator."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.search_words import MOST_WORDS, NoWords, Query, small_letters, sought, without_accents


def test_accents_and_the_barred_d_are_taken_off() -> None:
    assert without_accents("Đặng Thị Hường, phường Chiềng Lề") == "dang thi huong, phuong chieng le"


def test_composed_and_decomposed_text_are_the_same_words() -> None:
    text = "Nguyễn Thị Ngọc Ẩn"
    assert sought(unicodedata.normalize("NFD", text)) == sought(unicodedata.normalize("NFC", text))
    assert small_letters(unicodedata.normalize("NFD", text)) == "nguyễn thị ngọc ẩn"


def test_the_last_word_may_be_unfinished() -> None:
    assert sought("Lò Văn A").plain.whole == "'lo' & 'van' & 'a':*"


def test_a_very_short_unfinished_word_is_no_business_of_the_index() -> None:
    assert sought("lo van a").plain == Query("'lo' & 'van' & 'a'", "'lo' & 'van'", "'a':*")
    assert sought("lo van anh").plain == Query("'lo' & 'van' & 'anh'", "'lo' & 'van' & 'anh':*")
    assert sought("a").plain == Query("'a'", "'a':*"), "alone it must be"


def test_as_written_is_asked_for_only_where_there_are_accents() -> None:
    assert sought("lo van an").exact is None
    exact = sought("lò văn an").exact
    assert exact and exact.whole == "'lò' & 'văn' & 'an':*"


def test_a_code_is_sought_by_its_parts() -> None:
    assert sought("000.00.17.H52-211012-0001").plain.whole == "'000' & '00' & '17' & 'h52' & '211012' & '0001':*"


def test_no_letter_and_no_digit_is_refused() -> None:
    with pytest.raises(NoWords):
        sought("… !? ‘’")


@given(st.text(min_size=1, max_size=200))
def test_nothing_typed_becomes_an_operator(text: str) -> None:
    try:
        found = sought(text)
    except NoWords:
        return
    for query in (found.plain, found.exact or found.plain):
        words = query.whole.removesuffix(":*").split(" & ")
        assert len(words) <= MOST_WORDS
        assert all(word[0] == word[-1] == "'" and word[1:-1].isalnum() for word in words)

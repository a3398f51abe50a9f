"""The secret of a dossier: made from its code and the key, read off paper, and never guessed from another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chassis.problems import Problem
from dossier import lookup, settings

CODE = "000.00.17.H52-211012-0001"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DOSSIER_LOOKUP_KEY", "k" * 32)
    settings.lookup.cache_clear()
    yield
    settings.lookup.cache_clear()


@pytest.mark.usefixtures("key")
def test_ten_letters_that_follow_from_code_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = lookup.secret_of(CODE)
    assert len(secret) == 10 and set(secret) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    assert lookup.secret_of(CODE) == secret
    assert lookup.secret_of(CODE[:-1] + "2") != secret
    monkeypatch.setenv("DOSSIER_LOOKUP_KEY", "l" * 32)
    settings.lookup.cache_clear()
    assert lookup.secret_of(CODE) != secret


@pytest.mark.usefixtures("key")
def test_what_is_read_off_paper_still_matches() -> None:
    secret = lookup.secret_of(CODE)
    written = secret.lower().replace("o", "0").replace("i", "1").replace("b", "8")
    assert lookup.matches(CODE, f" {written[:5]}-{written[5:]} ")


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("secret", ["", "AAAAAAAAAA", "tiếng Việt", "A" * 40])
def test_anything_else_does_not(secret: str) -> None:
    assert not lookup.matches(CODE, secret)


def test_a_short_key_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOSSIER_LOOKUP_KEY", "short")
    settings.lookup.cache_clear()
    with pytest.raises(Problem) as refused:
        lookup.secret_of(CODE)
    settings.lookup.cache_clear()
    assert refused.value.status == 503


def test_the_key_shows_in_no_printed_setting() -> None:
    assert "kkk" not in repr(settings.LookupSettings(key="k" * 32))

"""What somebody typed as words to search by: as written, and without accents; the same folding as the migration's SQL."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

MOST_WORDS = 12
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_D = str.maketrans("đĐ", "dd")
_LETTERS = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
_PLAIN, _WRITTEN = re.compile(r"[^a-z0-9]+"), re.compile(f"[^a-z0-9{_LETTERS}]+")


class NoWords(ValueError):
    """There is no letter and no digit in it."""


@dataclasses.dataclass(frozen=True)
class Sought:
    """Two tsquery texts: `plain` finds with or without accents, `exact` (None where nothing has an accent) as written."""

    plain: str
    exact: str | None


def small_letters(text: str) -> str:
    """Composed small letters."""
    return unicodedata.normalize("NFC", text).lower()


def without_accents(text: str) -> str:
    """Small letters without accents: `Đặng` is `dang`."""
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text)).translate(_D).lower()


def sought(text: str) -> Sought:
    """The queries for a text: every word must be there, the last one may be unfinished. Raises NoWords."""
    plain, exact = _words(_PLAIN, without_accents(text)), _words(_WRITTEN, small_letters(text))
    if not plain:
        raise NoWords(text)
    return Sought(_query(plain), _query(exact) if exact and exact != plain else None)


def _words(between: re.Pattern[str], text: str) -> list[str]:
    return [word for word in between.split(text) if word][:MOST_WORDS]


def _query(words: list[str]) -> str:
    """Words hold letters and digits only, so nothing in them can be taken for an operator."""
    return " & ".join([*(f"'{word}'" for word in words[:-1]), f"'{words[-1]}':*"])

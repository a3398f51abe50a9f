"""What somebody typed as words to search by: as written, and without accents; the same folding as the migration's SQL."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

MOST_WORDS = 12
SHORTEST_BEGUN = 3
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_D = str.maketrans("đĐ", "dd")
_LETTERS = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
_PLAIN, _WRITTEN = re.compile(r"[^a-z0-9]+"), re.compile(f"[^a-z0-9{_LETTERS}]+")


class NoWords(ValueError):
    """There is no letter and no digit in it."""


@dataclasses.dataclass(frozen=True)
class Query:
    """tsquery texts. `finished` takes every word as it stands; `whole` lets the last one be unfinished, and is `indexed`
    (what an index is asked for) and `begun` (a very short unfinished word: it begins so many words that lines are looked
    at for it one by one)."""

    finished: str
    indexed: str
    begun: str | None = None

    @property
    def whole(self) -> str:
        """Everything that is asked for."""
        return f"{self.indexed} & {self.begun}" if self.begun else self.indexed


@dataclasses.dataclass(frozen=True)
class Sought:
    """`plain` finds with or without accents, `exact` (None where nothing has an accent) as written."""

    plain: Query
    exact: Query | None


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


def _query(words: list[str]) -> Query:
    """Words hold letters and digits only, so nothing in them can be taken for an operator."""
    *known, last = (f"'{word}'" for word in words)
    finished, begun = " & ".join([*known, last]), f"{last}:*"
    if known and len(words[-1]) < SHORTEST_BEGUN:
        return Query(finished, " & ".join(known), begun)
    return Query(finished, " & ".join([*known, begun]))

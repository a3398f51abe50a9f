"""Codes: dossier codes made by a configurable pattern and accepted as opaque text, and agency codes of both schemes for
one unit.

Sources: TT 01/2018/TT-VPCP, art. 19 (dossier code `000.00.17.H52-211012-0001`); QCVN 102:2016 (agency code, right to
left); QĐ 20/2020/QĐ-TTg, art. 4 (agency code, left to right, at most 35 characters). The daily counter is the
database's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

LONGEST_CODE = 64
DEFAULT_PATTERN = "{agency}-{yymmdd}-{sequence:4}"

_FIELDS: dict[str, tuple[str, Callable[[date], str]]] = {
    "yymmdd": (r"\d{6}", lambda day: day.strftime("%y%m%d")),
    "yyyymmdd": (r"\d{8}", lambda day: f"{day:%Y%m%d}"),
    "yy": (r"\d{2}", lambda day: day.strftime("%y")),
    "yyyy": (r"\d{4}", lambda day: f"{day:%Y}"),
}
_FIELD = re.compile(r"\{([a-z]+)(?::(\d))?\}")
_OLD_AGENCY = re.compile(r"(\d{3})\.(\d{2})\.(\d{2})\.([A-Y]\d{2})")
_NEW_AGENCY = re.compile(r"[A-Y]\d{2}(?:\.[0-9A-Z]+)*")


class BadCode(ValueError):
    """A code or a pattern that cannot be used; the text says why."""


def check_code(text: str) -> str:
    """A dossier code from anywhere, as opaque text: 1 to 64 printable characters without blanks; otherwise BadCode."""
    if not 0 < len(text) <= LONGEST_CODE or not text.isprintable() or any(character.isspace() for character in text):
        raise BadCode(f"Mã hồ sơ phải có từ 1 đến {LONGEST_CODE} ký tự in được, không có khoảng trắng")
    return text


@dataclass(frozen=True)
class CodeParts:
    """What a code says when it fits a pattern."""

    agency: str
    received_on: date | None
    sequence: int


@dataclass(frozen=True)
class CodePattern:
    """A pattern of `{agency}`, one date field (`{yymmdd}`, `{yyyymmdd}`, `{yy}`, `{yyyy}`) and `{sequence:N}`.

    N is the least number of digits: the sequence counts within the agency and day and grows past 9999 instead of
    starting over.
    """

    text: str = DEFAULT_PATTERN

    def __post_init__(self) -> None:
        fields = [match[1] for match in _FIELD.finditer(self.text)]
        dates = [name for name in fields if name in _FIELDS]
        if sorted(fields) != sorted(["agency", "sequence", *dates]) or len(dates) != 1:
            raise BadCode("Mẫu mã hồ sơ phải có {agency}, một trường ngày và {sequence:N}, mỗi trường một lần")
        if "{" in _FIELD.sub("", self.text) or "}" in _FIELD.sub("", self.text):
            raise BadCode(f"Mẫu mã hồ sơ {self.text!r} có trường không đọc được")

    def code(self, agency: str, received_on: date, sequence: int) -> str:
        """The code of the sequence-th dossier of an agency on a local day (TT 01/2018/TT-VPCP, art. 19)."""
        if sequence < 1:
            raise BadCode("Số thứ tự hồ sơ bắt đầu từ 1")

        def value(field: re.Match[str]) -> str:
            if field[1] == "agency":
                return agency
            if field[1] == "sequence":
                return f"{sequence:0{field[2] or 1}d}"
            return _FIELDS[field[1]][1](received_on)

        return check_code(_FIELD.sub(value, self.text))

    def parse(self, code: str) -> CodeParts | None:
        """What the code says, or None when it was made elsewhere: then it is opaque, and good all the same."""
        match = re.fullmatch(self._expression(), code)
        if match is None:
            return None
        try:
            return CodeParts(match["agency"], _day(match.groupdict()), int(match["sequence"]))
        except ValueError:
            return None

    def _expression(self) -> str:
        parts, at = [], 0
        for field in _FIELD.finditer(self.text):
            parts.append(re.escape(self.text[at : field.start()]))
            shape = {"agency": r".+", "sequence": rf"\d{{{field[2] or 1},}}"}.get(field[1]) or _FIELDS[field[1]][0]
            parts.append(f"(?P<{field[1]}>{shape})")
            at = field.end()
        return "".join(parts) + re.escape(self.text[at:])


def _day(found: dict[str, str]) -> date | None:
    """The day a code names; a year alone names none."""
    if text := found.get("yymmdd"):
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    if text := found.get("yyyymmdd"):
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return None


@dataclass(frozen=True)
class AgencyCode:
    """An agency by its levels from the province down: ("H52", "17") is both `H52.17` and `000.00.17.H52`."""

    levels: tuple[str, ...]

    @property
    def new(self) -> str:
        """The code of QĐ 20/2020/QĐ-TTg, which names the unit in this platform."""
        return ".".join(self.levels)

    @property
    def old(self) -> str | None:
        """The code of QCVN 102:2016, or None where that scheme has no room for the unit."""
        second, third, fourth = (*self.levels[1:], "00", "00", "000")[:3] if len(self.levels) <= 4 else ("", "", "")
        fourth = fourth if len(self.levels) == 4 else "000"
        old = f"{fourth}.{third}.{second}.{self.levels[0]}"
        return old if _OLD_AGENCY.fullmatch(old) else None


def agency_code(text: str) -> AgencyCode:
    """The agency of a code of either scheme; BadCode when it is of neither."""
    if old := _OLD_AGENCY.fullmatch(text):
        fourth, third, second, province = old.groups()
        levels = [province, second, third, fourth]
        while len(levels) > 1 and not levels[-1].strip("0"):
            levels.pop()
        return AgencyCode(tuple(levels))
    if len(text) <= 35 and _NEW_AGENCY.fullmatch(text):
        return AgencyCode(tuple(text.split(".")))
    raise BadCode(f"Mã định danh {text!r} không theo QCVN 102:2016 hay QĐ 20/2020/QĐ-TTg")

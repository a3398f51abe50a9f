"""One line of an import, from bytes to a dossier with its history in the field's words; or what is wrong with it, by field."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from marshmallow import Schema, ValidationError, fields, validate

from chassis.problems import field_errors
from chassis.storable import unstorable
from dossier.acting import BODIES, Nothing, PersonSchema
from dossier.domain.acts import CLOCK_SKEW
from dossier.domain.codes import LONGEST_CODE, BadCode, check_code
from dossier.domain.dossiers import Channel
from dossier.domain.instants import VIETNAM, instant
from dossier.domain.refusals import Act
from dossier.spans import EARLIEST
from dossier.store import Person

LONGEST_LINE_BYTES = 256 * 1024
MOST_ACTS = 200
MOST_ERRORS = 20
IMPORTED = {act.value: act for act in Act if act not in (Act.PROPOSE_APOLOGY, Act.APPROVE_APOLOGY, Act.DECLINE_APOLOGY)}
"""A proposal and its approval are one act in a history: `extend`."""


class BadLine(ValueError):
    """What is wrong with a line: (field, rule) each, with no value of it."""

    def __init__(self, *errors: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {rule}" for field, rule in errors))
        self.errors = errors[:MOST_ERRORS]


@dataclasses.dataclass(frozen=True, slots=True)
class RawLine:
    """A line as it came: `text` None where it is too long; `end_bytes` is where the next one begins, and `digest` is of
    everything before that."""

    number: int
    text: bytes | None
    end_bytes: int
    digest: Any


@dataclasses.dataclass(frozen=True, slots=True)
class PastAct:
    """One act of a history; `digest` tells it from any other."""

    act: Act
    at: datetime.datetime
    actor: str | None
    body: dict[str, Any]
    digest: str


@dataclasses.dataclass(frozen=True, slots=True)
class ImportLine:
    """A dossier of another system with its whole history."""

    source_code: str
    code: str
    procedure: str
    unit: str
    channel: Channel
    filed_at: datetime.datetime
    applicant: Person
    acts: tuple[PastAct, ...]


class PastActSchema(Schema):
    """What every act of a history says; the rest is what the same act brings at `POST /v1/dossiers/{code}/<act>`."""

    act = fields.String(required=True, validate=validate.OneOf(list(IMPORTED), error="Không có việc này"))
    at = fields.AwareDateTime(required=True)
    actor = fields.String(load_default=None, validate=validate.Length(1, 100))


class ImportLineSchema(Schema):
    """A line: a dossier and its acts in order, times as RFC 3339 with offset."""

    source_code = fields.String(required=True, validate=validate.Length(1, 200))
    code = fields.String(
        load_default=None,
        validate=validate.Length(1, LONGEST_CODE),
        metadata={"description": "on the citizen's receipt; default: source_code"},
    )
    procedure = fields.String(required=True, validate=validate.Length(1, 60))
    unit = fields.String(required=True, validate=validate.Length(1, 60))
    channel = fields.Enum(Channel, by_value=True, load_default=Channel.DIRECT)
    filed_at = fields.AwareDateTime(required=True)
    applicant = fields.Nested(PersonSchema, required=True)
    acts = fields.List(fields.Dict(keys=fields.String()), load_default=list, validate=validate.Length(max=MOST_ACTS))


SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""JSON can say U+0000 and lone surrogates only so."""
LINE, PAST_ACT = ImportLineSchema(), PastActSchema()
ACTS = {
    name: type(f"Past{BODIES.get(act, Nothing).__name__}", (PastActSchema, BODIES.get(act, Nothing)), {})()
    for name, act in IMPORTED.items()
}
"""What an act of a history brings, whole."""
PLAIN: dict[str, dict[str, Any]] = {}
"""What an act brings that says nothing but its time: most of them are so, and need no schema to be read."""
for _name, _schema in ACTS.items():
    with contextlib.suppress(ValidationError):
        _loaded = _schema.load({"act": _name, "at": "2021-10-12T09:00:00+07:00"})
        PLAIN[_name] = {name: value for name, value in _loaded.items() if name not in PAST_ACT.fields}


def raw_lines(pieces: Iterable[bytes], number: int = 0, end_bytes: int = 0, digest: Any = None) -> Iterator[RawLine]:
    """The lines in a stream, counted from `number` on; holds one line at a time, and no more of one than is allowed."""
    digest = digest or hashlib.sha256()
    rest, too_long = b"", False
    for piece in pieces:
        *ended, begun = piece.split(b"\n")
        for part in ended:
            text = rest + part
            digest.update(text + b"\n")
            number, end_bytes = number + 1, end_bytes + len(text) + 1
            good = not too_long and len(text) <= LONGEST_LINE_BYTES
            yield RawLine(number, text if good else None, end_bytes, digest.copy())
            rest, too_long = b"", False
        rest += begun
        if len(rest) > LONGEST_LINE_BYTES:
            digest.update(rest)
            end_bytes, rest, too_long = end_bytes + len(rest), b"", True
    if rest or too_long:
        digest.update(rest)
        yield RawLine(number + 1, None if too_long else rest, end_bytes + len(rest), digest.copy())


def read(text: bytes | None, now: datetime.datetime) -> ImportLine:
    """The dossier of a line. Raises BadLine."""
    if text is None:
        raise BadLine(("line", f"Dòng dài quá {LONGEST_LINE_BYTES} byte"))
    document = _json(text)
    try:
        loaded = LINE.load(document)
        acts = _acts(loaded["acts"])
    except ValidationError as error:
        _refuse(error.messages)
    code = loaded["code"] or loaded["source_code"]
    try:
        check_code(code)
    except BadCode as error:
        raise BadLine(("code" if loaded["code"] else "source_code", str(error))) from None
    _check_times(loaded["filed_at"], acts, now)
    loaded |= {"code": code, "filed_at": loaded["filed_at"].astimezone(VIETNAM), "acts": acts}
    return ImportLine(**loaded | {"applicant": Person(**loaded["applicant"])})


def _json(text: bytes) -> Any:
    try:
        document = json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadLine(("line", f"Không phải UTF-8 ở byte {error.start + 1}")) from None
    except json.JSONDecodeError as error:
        raise BadLine(("line", f"Không phải JSON: ký tự {error.colno}")) from None
    except (ValueError, RecursionError):  # a number of 5,000 digits, arrays 10,000 deep
        raise BadLine(("line", "Không đọc được dòng này")) from None
    if not isinstance(document, dict):
        raise BadLine(("line", "Mỗi dòng phải là một đối tượng JSON"))
    places = unstorable(document) if SUSPECT.search(text) else ()
    if places:
        raise BadLine(*((place, "Có ký tự không phải là chữ") for place in places))
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _acts(documents: list[dict[str, Any]]) -> tuple[PastAct, ...]:
    wrong: dict[int, Any] = {}
    acts = []
    for index, document in enumerate(documents):
        try:
            acts.append(_act(document))
        except ValidationError as error:
            wrong[index] = error.messages
    if wrong:
        raise ValidationError({"acts": wrong})
    return tuple(acts)


def _act(document: dict[str, Any]) -> PastAct:
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:32]
    name = document.get("act")
    if len(document) == 2 and isinstance(name, str) and name in PLAIN and (at := _moment(document.get("at"))):
        return PastAct(IMPORTED[name], at, None, PLAIN[name], digest)
    schema = ACTS.get(name, PAST_ACT) if isinstance(name, str) else PAST_ACT
    body = schema.load(document)
    act, at, actor = IMPORTED[body.pop("act")], body.pop("at"), body.pop("actor")
    if "letter" in body and body["letter"] is None:
        raise ValidationError({"letter": ["Missing data for required field."]})
    return PastAct(act, at, actor, body, digest)


def _moment(text: Any) -> datetime.datetime | None:
    """A moment that needs no second look, otherwise None."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _check_times(filed_at: datetime.datetime, acts: tuple[PastAct, ...], now: datetime.datetime) -> None:
    """Every act has its own time, in order and not in the future: a replay takes none of them from a clock."""
    errors = []
    before = instant(EARLIEST)
    for field, at in [("filed_at", filed_at), *((f"acts.{index}.at", each.at) for index, each in enumerate(acts))]:
        if not EARLIEST <= at <= now + CLOCK_SKEW:
            errors.append((field, "Thời điểm ở tương lai, hoặc trước năm 1990"))
        elif (second := instant(at)) < before:
            errors.append((field, "Thời điểm sớm hơn việc trước đó"))
        else:
            before = second
    if errors:
        raise BadLine(*errors)


def _refuse(messages: Any) -> NoReturn:
    raise BadLine(*((each["field"], vietnamese(each["rule"])) for each in field_errors(messages))) from None


PHRASES = {
    "Missing data for required field.": "Thiếu trường bắt buộc",
    "Unknown field.": "Không có trường này",
    "Field may not be null.": "Không được để trống (null)",
    "Not a valid string.": "Phải là chữ",
    "Not a valid integer.": "Phải là số nguyên",
    "Not a valid boolean.": "Phải là true hoặc false",
    "Not a valid list.": "Phải là danh sách",
    "Not a valid mapping type.": "Phải là một đối tượng JSON",
    "Not a valid email address.": "Không phải địa chỉ thư điện tử",
    "Not a valid datetime.": "Không phải thời điểm theo RFC 3339",
    "Not a valid aware datetime.": "Thời điểm thiếu múi giờ",
    "Not a valid date.": "Không phải ngày (năm-tháng-ngày)",
    "Invalid input type.": "Phải là một đối tượng JSON",
    "8 to 15 digits": "Từ 8 đến 15 chữ số",
    "CMND has 9 digits, CCCD 12": "CMND có 9 chữ số, CCCD có 12",
}
PATTERNS = (
    (re.compile(r"Length must be between (\d+) and (\d+)\."), r"Dài từ \1 đến \2 ký tự"),
    (re.compile(r"Longer than maximum length (\d+)\."), r"Nhiều nhất \1"),
    (re.compile(r"Must be one of: (.+)\."), r"Phải là một trong: \1"),
    (
        re.compile(r"Must be greater than or equal to (\d+) and less than or equal to (\d+)\."),
        r"Phải từ \1 đến \2",
    ),
)


def vietnamese(rule: str) -> str:
    """What marshmallow says, as the people read it who mend the file."""
    for pattern, text in PATTERNS:
        if match := pattern.fullmatch(rule):
            return match.expand(text)
    return PHRASES.get(rule, rule)

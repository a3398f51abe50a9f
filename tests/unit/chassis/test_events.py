"""What goes out is what the contract says, and what comes in is believed only when it is an event."""

from __future__ import annotations

import contextlib
import datetime
import json
import uuid
from typing import Any

import marshmallow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.events import PREFIX, Command, Fact, Message, Undecodable, decode, encode


class Weighed(Fact):
    """A thing was weighed."""

    type = "scales.weighed.v1"
    grams = marshmallow.fields.Integer(required=True, strict=True)
    note = marshmallow.fields.String(allow_none=True)


class WeighedByReader(Fact):
    """The same, as somebody reads it who only needs the weight."""

    type = "scales.weighed.v1"
    grams = marshmallow.fields.Integer(required=True)


class Weigh(Command):
    """Weigh it."""

    type = "scales.weigh.v1"


READERS: dict[str, type[Fact]] = {"scales.weighed.v1": WeighedByReader}
MOMENT = datetime.datetime(2021, 10, 12, 9, tzinfo=datetime.UTC)


def message(body: bytes = b'{"grams": 5}', content_type: str | None = "application/json", **attributes: Any) -> Message:
    usual = {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=7)),
        "type": "scales.weighed.v1",
        "source": "/scales",
        "subject": "thing-1",
        "time": MOMENT.isoformat(),
        "sequence": "3",
    }
    kept = {name: value for name, value in {**usual, **attributes}.items() if value is not None}
    return Message(body, {PREFIX + name: value for name, value in kept.items()}, content_type)


def test_facts_go_to_the_owners_events_and_commands_to_its_commands() -> None:
    assert (Weighed.exchange(), Weigh.exchange()) == ("scales.events", "scales.commands")


def test_a_reader_gets_the_fields_it_declared_and_no_other() -> None:
    event = decode(message(b'{"grams": 5, "note": "x", "new": 1}'), READERS)
    assert (event.data, event.subject, event.sequence, event.time) == ({"grams": 5}, "thing-1", 3, MOMENT)


def test_without_a_correlation_id_an_event_begins_its_own_thread() -> None:
    assert decode(message(), READERS).correlation_id == str(uuid.UUID(int=7))
    assert decode(message(correlationid="c-1"), READERS).correlation_id == "c-1"


@pytest.mark.parametrize("name", ["specversion", "id", "type", "source", "subject", "time", "sequence"])
def test_a_message_without_a_needed_attribute_is_undecodable_and_names_it(name: str) -> None:
    with pytest.raises((Undecodable, KeyError), match=name):
        decode(message(**{name: None}), READERS)


@pytest.mark.parametrize(
    "broken",
    [
        message(b"{"),
        message(b"\xff\xfe"),
        message(b'{"grams": "heavy"}'),
        message(b"{}"),
        message(b"[]"),
        message(b'{"grams": 5, "grams2": "\\u0000"}'),
        message(b"[" * 100_000),
        message(content_type="text/plain"),
        message(content_type=None),
        message(id="7"),
        message(time="2021-10-12T09:00:00"),
        message(time="yesterday"),
        message(sequence="first"),
        message(subject="a\x00b"),
        message(specversion="0.3"),
    ],
)
def test_what_is_no_event_of_ours_is_undecodable(broken: Message) -> None:
    with pytest.raises(Undecodable):
        decode(broken, READERS)


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=10), st.text(max_size=20)))
def test_no_bytes_and_no_headers_raise_anything_else(body: bytes, headers: dict[str, str]) -> None:
    for candidate in (message(body), Message(body, headers), message(**{"subject": str(headers)})):
        with contextlib.suppress(Undecodable):
            decode(candidate, READERS)


@given(
    st.integers(-(2**31), 2**31), st.one_of(st.none(), st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
)
def test_what_is_announced_can_be_read_again(grams: int, note: str | None) -> None:
    text = encode(Weighed, {"grams": grams, "note": note})
    assert json.loads(text) == {"grams": grams, "note": note}
    assert decode(message(text.encode()), {"scales.weighed.v1": Weighed}).data == {"grams": grams, "note": note}


@pytest.mark.parametrize("data", [{}, {"grams": "x"}, {"grams": 5, "citizen": "An"}, {"grams": 5, "note": "a\x00"}])
def test_what_the_contract_does_not_allow_is_not_announced(data: dict[str, Any]) -> None:
    with pytest.raises((marshmallow.ValidationError, ValueError)):
        encode(Weighed, data)

"""Parts of the backbone without servers: confirms, identities, masking, contracts, settings, limits of text."""

from __future__ import annotations

import contextlib
import datetime
import types
import uuid
from typing import Any

import amqp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields
from opentelemetry.trace import SpanKind

from chassis import broker, contracts, logs, relay, settings, tracing
from chassis.context import Context, current
from chassis.events import Fact, Message, Undecodable, identity
from chassis.publisher import Publication, Publisher
from chassis.storable import cleaned, is_storable, unstorable
from chassis.topology import Lane

# Publisher confirms


class FakeBroker:
    """A connection whose broker answers a window with the given methods, one at each drain."""

    def __init__(self, answers: list[tuple[Any, ...]]) -> None:
        self.answers = answers
        self.published: list[str] = []
        self.events: dict[str, set[Any]] = {"basic_ack": set(), "basic_nack": set(), "basic_return": set()}
        self.auto_decode = True
        self.client_properties: dict[str, Any] = {}
        self.transport = self
        self._write = self.published.append

    def channel(self) -> FakeBroker:
        return self

    def confirm_select(self) -> None:
        """Always."""

    def basic_publish(self, message: amqp.Message, exchange: str, routing_key: str, mandatory: bool) -> None:
        self.published.append(f"{exchange}/{routing_key}/{mandatory}")

    def blocking_read(self, timeout: float) -> bool:
        if not self.answers:
            raise TimeoutError
        name, *arguments = self.answers[0] if self.answers[0][0] == "heartbeat" else self.answers.pop(0)
        for callback in self.events.get(name, ()):
            callback(*arguments)
        return name != "heartbeat"

    def publish(self, count: int, mandatory: bool = False) -> Any:
        publisher = Publisher(self, 0.01)  # type: ignore[arg-type]
        messages = [amqp.Message("x", message_id=f"m{number}") for number in range(count)]
        return publisher.publish(
            [Publication(100 + n, "e", "k", message, mandatory) for n, message in enumerate(messages)]
        )


def returned(number: int) -> tuple[Any, ...]:
    """The broker's basic.return of a message."""
    return ("basic_return", None, "e", "k", amqp.Message("x", message_id=f"m{number}"))


def test_a_window_ends_when_each_message_was_confirmed_in_whatever_order() -> None:
    outcome = FakeBroker([("basic_ack", 2, False), ("basic_ack", 4, True), ("basic_ack", 5, False)]).publish(5)

    assert sorted(outcome.confirmed) == [100, 101, 102, 103, 104]


def test_what_the_broker_refuses_is_not_confirmed() -> None:
    outcome = FakeBroker([("basic_ack", 1, False), ("basic_nack", 2, False), ("basic_ack", 3, True)]).publish(3)

    assert outcome.confirmed == [100, 102]


def test_what_comes_back_is_not_confirmed_although_it_is_acknowledged() -> None:
    outcome = FakeBroker([returned(1), ("basic_ack", 3, True)]).publish(3, mandatory=True)

    assert (outcome.confirmed, outcome.returned) == ([100, 102], [101])


def test_a_broker_that_stays_silent_is_an_error_and_not_a_wait_for_ever() -> None:
    with pytest.raises(TimeoutError):
        FakeBroker([("basic_ack", 1, False)]).publish(2)


def test_a_blocked_broker_that_only_sends_heartbeats_is_an_error_too() -> None:
    with pytest.raises(TimeoutError):
        FakeBroker([("basic_ack", 1, False), ("heartbeat",)]).publish(2)


# The event log's months


@pytest.mark.parametrize(
    "today", [datetime.date(2027, 1, day) for day in (1, 28, 29, 30, 31)] + [datetime.date(2026, 12, 31)]
)
def test_the_partition_of_the_next_month_is_ensured_on_every_day_of_this_one(
    today: datetime.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Today(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.datetime.combine(today, datetime.time(12), tz)

    asked: list[datetime.date] = []

    class Session:
        def begin(self) -> Any:
            return contextlib.nullcontext()

        def exec_driver_sql(self, _statement: str, values: dict[str, datetime.date]) -> None:
            asked.append(values["day"])

    clock = types.SimpleNamespace(datetime=Today, timedelta=datetime.timedelta, date=datetime.date, UTC=datetime.UTC)
    monkeypatch.setattr(relay, "datetime", clock)
    broker = settings.BrokerSettings(url="amqp://nowhere")
    relay.Relay("x", None, broker, settings.RelaySettings())._ensure_months(Session())  # type: ignore[arg-type]

    next_month = (today.year + today.month // 12, today.month % 12 + 1)
    assert {(day.year, day.month) for day in asked} == {(today.year, today.month), next_month}


# Identity


@given(st.uuids(), st.sampled_from(["{}", "{{{}}}", "urn:uuid:{}"]), st.booleans())
def test_a_uuid_is_one_however_it_is_written(given_id: uuid.UUID, form: str, upper: bool) -> None:
    text = form.format(str(given_id).upper() if upper else given_id)
    message = Message(b"", {"cloudEvents:id": text, "cloudEvents:time": "2026-01-01T07:00:00+07:00"})

    assert identity(message) == (str(given_id), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


@pytest.mark.parametrize("time", ["", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "x"])
def test_a_time_that_the_inbox_cannot_keep_is_undecodable(time: str) -> None:
    with pytest.raises(Undecodable):
        identity(Message(b"", {"cloudEvents:id": str(uuid.uuid4()), "cloudEvents:time": time}))


# Text


@given(st.text())
def test_storable_text_can_be_kept_and_cleaned_text_always(text: str) -> None:
    kept = cleaned(text)

    assert is_storable(kept)
    assert is_storable(text) == ("\x00" not in text and text == text.encode("utf-8", "replace").decode())
    assert (kept == text) == is_storable(text)


def test_every_unstorable_place_is_named() -> None:
    value = {"a": ["x", {"b": "\x00"}], "c\x00": 1, "d": "\udfff", "e": [1, None, True]}

    assert sorted(unstorable(value)) == ["a.1.b", "d", "key"]


# Logs


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Gọi 0912345678.", "0912345678"),
        ("số 0912345678, hoặc 0987654321", "0987654321"),
        ("(+84912345678)", "84912345678"),
        ("CCCD: 012345678901", "012345678901"),
        ("rtsp://admin:p@ss/w0rd@10.0.0.9:554/live", "w0rd"),
        ("rtsp://admin:a:b@10.0.0.9", "a:b"),
        ("thư tới nguyen.van.a@sonla.gov.vn.", "nguyen.van.a"),
    ],
)
def test_what_leaks_inside_a_sentence_is_hidden(text: str, hidden: str) -> None:
    assert hidden not in logs.mask_text(text)


class Odd:
    """An object whose text leaks."""

    def __repr__(self) -> str:
        return "Odd('citizen@example.vn')"


@pytest.mark.parametrize(
    "value",
    [
        ["citizen@example.vn"],
        {"to": [{"who": "citizen@example.vn"}]},
        ("citizen@example.vn",),
        Odd(),
        ValueError("citizen@example.vn"),
        [{"full_name": "citizen@example.vn"}],
    ],
)
def test_values_of_any_shape_are_searched(value: Any) -> None:
    assert "citizen" not in str(logs.mask(None, "info", {"event": "x", "value": value}))


def test_plain_values_keep_their_type() -> None:
    line = {"event": "x", "count": 5, "ms": 1.5, "ok": True, "nothing": None}

    assert logs.mask(None, "info", dict(line)) == line


# Contracts


class Person(Schema):
    """Somebody."""

    full_name = fields.String()


@pytest.mark.parametrize(
    "field",
    [
        fields.Nested(Person),
        fields.Nested(Person, allow_none=True),
        fields.Nested(Person(many=True)),
        fields.List(fields.Nested(Person)),
        fields.List(fields.Nested(Person, allow_none=True)),
        fields.Dict(values=fields.Nested(Person)),
        fields.Nested(Person, metadata={"description": "who"}),
        fields.Nested(Person, allow_none=True, metadata={"description": "who"}),
    ],
)
def test_a_personal_field_is_found_however_deep_it_hides(field: Any) -> None:
    leaking: Any = type("Leaking", (Fact,), {"type": "x.leaking.v1", "inner": field})

    assert list(contracts.personal_fields(contracts.json_schema(leaking)))


class Before(Fact):
    """The committed contract."""

    type = "x.changed.v1"
    nested = fields.Nested(Person, required=True, allow_none=True)
    table = fields.Dict(values=fields.Integer())
    day = fields.Date(required=True)


@pytest.mark.parametrize(
    "change",
    [
        {"nested": fields.Nested(Schema.from_dict({"other": fields.String()}), required=True, allow_none=True)},
        {"nested": fields.Nested(Person, required=True)},
        {"table": fields.Dict(values=fields.String())},
        {"day": fields.AwareDateTime(required=True)},
        {"day": fields.Date()},
        {"day": fields.Date(required=True, allow_none=True)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_generated_schemas_that_breaks_a_reader_is_found(change: dict[str, Any]) -> None:
    after: Any = type("After", (Before,), change)

    assert list(contracts.breaking_changes(contracts.json_schema(Before), contracts.json_schema(after)))


def test_the_same_schema_breaks_nothing() -> None:
    schema = contracts.json_schema(Before)

    assert list(contracts.breaking_changes(schema, schema)) == []


# Settings


def test_the_bad_variables_of_all_groups_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", "AMQP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INBOX_BATCH", "many")

    with pytest.raises(SystemExit) as refused:
        settings.check(settings.DatabaseSettings, settings.BrokerSettings, settings.WorkerSettings)

    named = capsys.readouterr().err
    assert refused.value.code == 78
    assert all(name in named for name in ("DATABASE_URL", "AMQP_URL", "INBOX_BATCH"))


def test_no_secret_shows_in_the_text_of_settings() -> None:
    text = repr(
        [settings.DatabaseSettings("postgresql://u:s3cret@h/d"), settings.BrokerSettings("amqp://u:s3cret@h/v")]
    )

    assert "s3cret" not in text


# Topology


def test_the_queues_of_a_consumer_are_named_by_it_and_not_by_methods() -> None:
    assert Lane("stats.inbox", (), 1, 10).queues == ["stats.inbox"]
    assert Lane("stats.inbox", (), 3, 10).queues == ["stats.inbox.0", "stats.inbox.1", "stats.inbox.2"]
    assert Lane("stats.inbox", (), 3, 10).dead_letters == "stats.inbox.dead-letters"


# Traces

SOUND_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_sound_trace_is_handed_on_where_no_collector_is_configured() -> None:
    with tracing.span("any", Context("c", traceparent=SOUND_TRACE), SpanKind.SERVER) as here:
        assert here.traceparent == SOUND_TRACE == current().traceparent


@pytest.mark.parametrize(
    "given", [None, "", "forged\nline", SOUND_TRACE + "-more", SOUND_TRACE.replace("4bf9", "XXXX")]
)
def test_a_trace_that_is_missing_or_forged_gives_way_to_a_new_one(given: str | None) -> None:
    with tracing.span("any", Context("c", traceparent=given), SpanKind.SERVER) as here:
        assert here.traceparent != given
        assert tracing.SOUND.fullmatch(here.traceparent or "")


# Headers

VALUES = st.one_of(st.text(), st.integers(-(2**31), 2**31 - 1), st.booleans(), st.binary(), st.none())


@given(st.dictionaries(st.text(max_size=60), VALUES, max_size=12), st.binary(max_size=5))
def test_headers_are_read_as_the_driver_reads_them(headers: dict[str, Any], before: bytes) -> None:
    wire = before + amqp.serialization.dumps("F", [headers]) + b"what follows"
    assert broker._read_headers("F", wire, len(before)) == broker._loads("F", wire, len(before))


@given(st.binary(max_size=40).map(lambda noise: len(noise).to_bytes(4, "big") + noise))
def test_headers_that_are_noise_are_refused_or_read_as_the_driver_does(wire: bytes) -> None:
    try:
        expected = broker._loads("F", wire, 0)
    except Exception as refusal:
        with pytest.raises(type(refusal)):
            broker._read_headers("F", wire, 0)
        return
    assert broker._read_headers("F", wire, 0) == expected

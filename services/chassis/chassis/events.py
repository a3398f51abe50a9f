"""Events and commands: a marshmallow schema is the contract, CloudEvents 1.0 in AMQP binary mode is the wire."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import marshmallow

from chassis.context import CORRELATION
from chassis.storable import is_storable, may_be_unstorable, unstorable

PREFIX = "cloudEvents:"  # AMQP protocol binding for CloudEvents 1.0, section 3.1
CONTENT_TYPE = "application/json"
REQUIRED = ("id", "type", "source", "subject", "time", "sequence")
OPTIONAL = ("correlationid", "causationid", "traceparent")
READ = tuple((name, PREFIX + name, name in REQUIRED) for name in (*REQUIRED, *OPTIONAL))
CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Fact(marshmallow.Schema):
    """Something that happened, declared as a schema with its `type`, `<service>.<fact>.v<N>`.

    The writer declares every field; a reader declares the same type again with only the fields it needs,
    and what it does not know is left out when it loads.
    """

    type: ClassVar[str]
    example: ClassVar[dict[str, Any]]

    class Meta:
        unknown = marshmallow.EXCLUDE
        ordered = True

    @classmethod
    def owner(cls) -> str:
        """The service that writes the contract: the first word of the type."""
        return cls.type.split(".", 1)[0]

    @classmethod
    def exchange(cls) -> str:
        """nameko's own convention, so that a stock `@event_handler("dossier", "dossier.received.v1")` works."""
        return f"{cls.owner()}.events"


def replays(service: str) -> str:
    """The exchange through which stored events of a service reach one consumer: its name is the routing key."""
    return f"{service}.replays"


class Command(Fact):
    """An order to one service, which alone may read it; personal data may travel in it, and it is never in a feed."""

    @classmethod
    def exchange(cls) -> str:
        return f"{cls.owner()}.commands"


@functools.cache
def schema_of(fact: type[Fact]) -> Fact:
    """The one instance of a schema: building one costs more than using it."""
    return fact()


def encode(fact: type[Fact], data: Mapping[str, Any]) -> str:
    """The data as published, after the writer's own contract has been held against it.

    Raises marshmallow.ValidationError naming the field: announcing what the contract does not allow is our bug,
    and the transaction that tried must fail.
    """
    schema = schema_of(fact)
    unknown = sorted(set(data) - set(schema.fields))
    if unknown:
        raise marshmallow.ValidationError({name: ["not in the contract of " + fact.type] for name in unknown})
    dumped = schema.dump(data)
    schema.load(dumped)
    text = json.dumps(dumped, ensure_ascii=False, separators=(",", ":"))
    if may_be_unstorable(text.encode("utf-8", "surrogatepass")) and (places := unstorable(dumped)):
        raise marshmallow.ValidationError({place: ["has a character that is no text"] for place in places})
    return text


class Undecodable(ValueError):
    """A message that is no event of ours: not CloudEvents, not JSON, or against the reader's schema."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """What arrived, byte for byte; `headers` are the AMQP headers; `redelivered`: a worker had it and did not answer."""

    body: bytes
    headers: Mapping[str, Any]
    content_type: str | None = CONTENT_TYPE
    redelivered: bool = False

    def attribute(self, name: str) -> str | None:
        """A CloudEvents attribute of the message, None where it is absent or no text."""
        value = self.headers.get(PREFIX + name)
        return value if isinstance(value, str) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One event or command as a handler sees it; `data` is loaded by the reader's schema (dates are dates)."""

    id: str
    type: str
    source: str
    subject: str
    sequence: int
    time: datetime.datetime
    data: dict[str, Any]
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    message: Message


def attributes(message: Message) -> dict[str, str]:
    """The CloudEvents attributes that everything else rests on, or Undecodable naming what is wrong."""
    if message.attribute("specversion") != "1.0":
        raise Undecodable("cloudEvents:specversion is not 1.0")
    found = {}
    for name, header, required in READ:
        value = message.headers.get(header)
        if isinstance(value, str) and value:
            found[name] = value
        elif required:
            raise Undecodable(f"cloudEvents:{name} is missing")
    if not is_storable("".join(found.values())):
        raise Undecodable("a cloudEvents attribute has a character that is no text")
    return found


def identity(message: Message) -> tuple[str, datetime.datetime]:
    """The id and the time (UTC) as the inbox keeps them, whatever else is wrong. Raises Undecodable where it cannot.

    A UUID may be written in several ways and is one; an offset may be one that PostgreSQL does not know.
    """
    try:
        given = message.attribute("id") or ""
        event_id = given if CANONICAL.fullmatch(given) else str(uuid.UUID(given))
        time = datetime.datetime.fromisoformat(message.attribute("time") or "")
        if time.tzinfo is None:
            raise ValueError("the time has no offset")
        return event_id, time.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise Undecodable(f"cloudEvents:id or cloudEvents:time: {error}") from None


def decode(message: Message, readers: Mapping[str, type[Fact]]) -> Event:
    """Read a message with the schema of its type. Raises Undecodable, and KeyError for a type without a reader."""
    found = attributes(message)
    event_id, time = identity(message)
    correlation_id = found.get("correlationid", "")
    try:
        sequence = int(found["sequence"])
        if not 0 < sequence < 2**63:
            raise ValueError("out of range")
    except ValueError as error:
        raise Undecodable(f"cloudEvents:sequence: {error}") from None
    return Event(
        id=event_id,
        type=found["type"],
        source=found["source"],
        subject=found["subject"],
        sequence=sequence,
        time=time,
        data=load_data(readers[found["type"]], message),
        correlation_id=correlation_id if CORRELATION.fullmatch(correlation_id) else event_id,
        causation_id=found.get("causationid"),
        traceparent=found.get("traceparent"),
        message=message,
    )


def load_data(reader: type[Fact], message: Message) -> dict[str, Any]:
    """The body by the reader's schema, or Undecodable naming the field."""
    if message.content_type != CONTENT_TYPE:
        raise Undecodable(f"content type {message.content_type!r} is not {CONTENT_TYPE}")
    try:
        text = message.body.decode()  # strictly UTF-8: json.loads would guess, and let surrogates pass
        data = json.loads(text)
        if may_be_unstorable(message.body) and (places := unstorable(data)):
            raise ValueError(f"{places[0]} has a character that is no text")
        loaded: dict[str, Any] = schema_of(reader).load(data)
    except Exception as error:  # whatever a schema raises: what it cannot load no attempt will load
        raise Undecodable(f"{reader.type}: {error}") from None
    return loaded

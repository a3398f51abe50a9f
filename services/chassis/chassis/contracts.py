"""Writes the contracts from the code (JSON Schema, AsyncAPI 3, OpenAPI 3.1), and refuses a breaking change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from chassis.dead import event_died
from chassis.events import Command, Fact
from chassis.personal_data import FIELDS
from chassis.service import Service

INSIDE = {"items", "additionalProperties"}  # what the elements of a list and the values of a table are
CHOICES = {"anyOf", "allOf", "oneOf"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(fact: type[Fact]) -> dict[str, Any]:
    """The JSON Schema of a fact's data. Readers must ignore what they do not know, so it stays open."""
    plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: None)  # type: ignore[arg-type,return-value]
    APISpec(title="contract", version="1", openapi_version="3.1.0", plugins=[plugin])
    assert plugin.converter is not None
    schema: dict[str, Any] = plugin.converter.schema2jsonschema(fact())
    schema.pop("additionalProperties", None)  # a reader's EXCLUDE is not the writer's promise
    title = (fact.__doc__ or "").strip().splitlines()
    return {
        "$schema": DIALECT,
        "$id": f"urn:ioc:schema:{fact.type}",
        "title": title[0] if title else fact.type,
    } | schema


def breaking_changes(old: Any, new: Any, place: str = "data") -> Iterator[str]:
    """What a reader of `old` could trip over in `new`: within a version fields are only added, and stay what they are."""
    for key in sorted({"type", "format", "enum", "const", "pattern"} & (set(old) | set(new))):
        if _shape(old.get(key)) != _shape(new.get(key)):
            yield f"{place}: {key} changed from {old.get(key)!r} to {new.get(key)!r}"
    for name in sorted(set(old.get("required", [])) - set(new.get("required", []))):
        yield f"{place}.{name}: is no longer always there"
    after = new.get("properties", {})
    for name, schema in old.get("properties", {}).items():
        if name not in after:
            yield f"{place}.{name}: removed"
        else:
            yield from breaking_changes(schema, after[name], f"{place}.{name}")
    for key in INSIDE & set(old):
        if isinstance(old[key], dict):
            yield from breaking_changes(old[key], new.get(key) or {}, f"{place}[]")
    for key in CHOICES & (set(old) | set(new)):
        before, later = old.get(key, []), new.get(key, [])
        if len(before) != len(later):
            yield f"{place}: {key} changed"
        for index, (one, other) in enumerate(zip(before, later, strict=False)):
            yield from breaking_changes(one, other, f"{place}({key} {index})")


def _shape(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, list) else value


def personal_fields(schema: Any, place: str = "data") -> Iterator[str]:
    """The places in a schema whose name is on the personal-data list."""
    for name, inner in schema.get("properties", {}).items():
        if name in FIELDS:
            yield f"{place}.{name}"
        yield from personal_fields(inner, f"{place}.{name}")
    for key in INSIDE & set(schema):
        if isinstance(schema[key], dict):
            yield from personal_fields(schema[key], f"{place}[]")
    for key in CHOICES & set(schema):
        for inner in schema[key]:
            yield from personal_fields(inner, place)


def written(service: Service) -> list[type[Fact]]:
    """The facts and commands whose contract this service owns."""
    own = [fact for fact in service.events.WRITES if fact.owner() == service.name]
    own += [fact for fact in service.events.READS if issubclass(fact, Command) and fact.owner() == service.name]
    return [*own, event_died(service.name)]


def asyncapi(service: Service) -> dict[str, Any]:
    """AsyncAPI 3.0: what the service sends to and takes from the broker."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for action, facts in (
        ("send", [*service.events.WRITES, event_died(service.name)]),
        ("receive", service.events.READS),
    ):
        for fact in facts:
            key = fact.type.replace(".", "_")
            channels[key] = _channel(fact, key)
            operations[f"{action}_{key}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{key}"},
                "messages": [{"$ref": f"#/channels/{key}/messages/{key}"}],
            }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"IOC {service.name}", "version": "1.0.0", "description": "Events and commands over AMQP"},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def _channel(fact: type[Fact], key: str) -> dict[str, Any]:
    exchange = {"name": fact.exchange(), "type": "topic", "durable": True, "autoDelete": False, "vhost": "ioc"}
    return {
        "address": fact.type,
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange}},
        "messages": {
            key: {
                "name": fact.type,
                "title": json_schema(fact)["title"],
                "headers": {"type": "object", "properties": _headers(fact)},
                "payload": json_schema(fact),
            }
        },
    }


def _headers(fact: type[Fact]) -> dict[str, Any]:
    text = {"type": "string"}
    names = ("id", "source", "time", "subject", "dataschema", "sequence", "correlationid", "causationid", "traceparent")
    fixed = {"cloudEvents:specversion": {"const": "1.0"}, "cloudEvents:type": {"const": fact.type}}
    return fixed | {f"cloudEvents:{name}": text for name in names}


def openapi(service: Service) -> dict[str, Any]:
    """The OpenAPI document that the service serves, without a running server."""
    from chassis.database import Database
    from chassis.settings import AuthSettings, DatabaseSettings, WebSettings
    from chassis.web import create_app

    nowhere = Database(DatabaseSettings(url="postgresql://contract@127.0.0.1:1/contract"), "contracts")
    auth = AuthSettings("https://issuer.example", "ioc", "https://issuer.example/jwks", 6000, 10)
    app = create_app(service.name, all_blueprints(service), nowhere, auth, WebSettings())
    document: dict[str, Any] = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return document


def all_blueprints(service: Service) -> list[Any]:
    """The service's own blueprints and those that every service serves."""
    from chassis.backbone_views import blueprint

    return [*(service.load(service.views) or []), blueprint]


def documents(service: Service) -> dict[Path, str]:
    """Every generated contract of a service, by path."""
    found = {
        service.root / "asyncapi.yaml": _yaml(asyncapi(service)),
        service.root / "openapi.yaml": _yaml(openapi(service)),
    }
    for fact in written(service):
        path = service.root / "contracts" / f"{fact.type}.schema.json"
        found[path] = json.dumps(json_schema(fact), indent=2, ensure_ascii=False) + "\n"
    return found


def _yaml(document: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(document))  # no YAML anchors for values that happen to be shared
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)


def broken(service: Service) -> list[str]:
    """The breaking changes between the committed schemas and the code."""
    found = []
    for path in sorted((service.root / "contracts").glob("*.schema.json")):
        old = json.loads(path.read_text())
        now = {f"{fact.type}.schema.json": fact for fact in written(service)}.get(path.name)
        if now is None:
            found.append(f"{path.name}: the contract was withdrawn; keep writing it beside its successor")
        else:
            found += [f"{path.name}: {change}" for change in breaking_changes(old, json_schema(now))]
    return found


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a committed contract is missing or old.")
@click.option("--allow-breaking", is_flag=True, help="For a contract that nobody reads yet.")
@click.pass_obj
def contracts(service: Service, check: bool, allow_breaking: bool) -> None:
    """Write the contracts of this service (or check them), and fail on a breaking change."""
    changes = broken(service)
    for change in changes:
        click.echo(f"breaking: {change}", err=True)
    if changes and not allow_breaking:
        raise SystemExit(1)
    current = documents(service)
    stale = [path for path, text in current.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if check:
            click.echo(f"old: {path.name}: run `make contracts`", err=True)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(current[path])
            click.echo(f"wrote {path.name}")
    if check and stale:
        raise SystemExit(1)

"""The contracts as files: committed, current, with examples that every reader can read."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from chassis import contracts
from chassis.events import Command, Fact, schema_of
from chassis.service import Service

SERVICES = [Service(name) for name in ("dossier", "notify", "stats", "ipcam")]
WRITTEN = [(service, fact) for service in SERVICES for fact in contracts.written(service)]
READ = [(service, fact) for service in SERVICES for fact in service.events.READS]


def names(pairs: list[tuple[Service, type[Fact]]]) -> list[str]:
    return [f"{service.name}:{fact.type}" for service, fact in pairs]


def contract(kind: str, suffix: str) -> Any:
    owner = Service(kind.split(".", 1)[0])
    return json.loads((owner.root / "contracts" / f"{kind}.{suffix}.json").read_text())


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_committed_contracts_are_those_of_the_code(service: Service) -> None:
    command = [sys.executable, "-m", service.name, "contracts", "--check"]
    checked = subprocess.run(command, cwd=service.root, capture_output=True, text=True, env=dict(os.environ))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(("service", "fact"), WRITTEN, ids=names(WRITTEN))
def test_every_type_has_an_example_that_keeps_its_schema(service: Service, fact: type[Fact]) -> None:
    schema, example = contract(fact.type, "schema"), contract(fact.type, "example")
    jsonschema.validate(example, schema, format_checker=jsonschema.FormatChecker())
    assert set(schema_of(fact).fields) == set(schema["properties"])
    assert set(schema["required"]) <= set(example)


@pytest.mark.parametrize(("service", "fact"), READ, ids=names(READ))
def test_every_reader_can_read_the_writers_example(service: Service, fact: type[Fact]) -> None:
    assert schema_of(fact).load(contract(fact.type, "example"))


@pytest.mark.parametrize(("service", "fact"), READ, ids=names(READ))
def test_a_reader_needs_only_what_the_writer_always_gives(service: Service, fact: type[Fact]) -> None:
    always = set(contract(fact.type, "schema")["required"])
    needed = {name for name, field in schema_of(fact).fields.items() if field.required}
    assert needed <= always


@pytest.mark.parametrize(("service", "fact"), WRITTEN, ids=names(WRITTEN))
def test_no_public_event_has_a_personal_field(service: Service, fact: type[Fact]) -> None:
    if not issubclass(fact, Command):
        assert list(contracts.personal_fields(contract(fact.type, "schema"))) == []


def test_a_command_that_one_service_gives_is_one_that_its_owner_takes() -> None:
    for service in SERVICES:
        for fact in service.events.WRITES:
            if fact.owner() != service.name:
                assert issubclass(fact, Command)
                assert fact.type in {taken.type for taken in Service(fact.owner()).events.READS}


def test_every_contract_file_belongs_to_a_type_that_is_written() -> None:
    for service in SERVICES:
        types = {fact.type for fact in contracts.written(service)}
        files = {path.name.split(".schema")[0].split(".example")[0] for path in (service.root / "contracts").iterdir()}
        assert files == types


OLD = {
    "type": "object",
    "required": ["code", "status"],
    "properties": {
        "code": {"type": "string"},
        "status": {"enum": [1, 2]},
        "steps": {"type": "array", "items": {"type": "object", "properties": {"unit": {"type": "string"}}}},
    },
}


def changed(path: str, value: Any) -> Any:
    new = copy.deepcopy(OLD)
    *folders, last = path.split("/")
    place: Any = new
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/code", None),
        ("properties/code/type", "integer"),
        ("properties/status/enum", [1, 2, 3]),
        ("properties/status/enum", [1]),
        ("required", ["code"]),
        ("properties/steps/items/properties/unit", None),
        ("properties/code", {"type": ["string", "null"]}),
    ],
)
def test_a_change_that_a_reader_could_trip_over_is_found(path: str, value: Any) -> None:
    assert list(contracts.breaking_changes(OLD, changed(path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/note", {"type": "string"}),
        ("required", ["code", "status", "steps"]),
        ("properties/status/enum", [2, 1]),
    ],
)
def test_a_field_more_or_a_stricter_promise_breaks_nobody(path: str, value: Any) -> None:
    assert list(contracts.breaking_changes(OLD, changed(path, value))) == []


def test_a_withdrawn_contract_is_a_breaking_change(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "stats.forgotten.v1.schema.json").write_text(json.dumps(OLD))
    monkeypatch.setattr(Service, "root", property(lambda self: tmp_path))
    assert "withdrawn" in contracts.broken(Service("stats"))[0]

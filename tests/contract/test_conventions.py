"""The house's conventions, as tests."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

from chassis.contracts import all_blueprints
from chassis.events import Fact
from chassis.service import Service

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ["dossier", "notify", "stats", "ipcam"]
MODULES = [path for path in (ROOT / "services").glob("*/*/**/*.py") if "migrations" not in path.parts]
SAME_INSIDE = ["README.md", "Dockerfile", "pyproject.toml", "openapi.yaml", "asyncapi.yaml", "contracts", "migrations"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_inside(service: str) -> None:
    folder = ROOT / "services" / service
    missing = [name for name in SAME_INSIDE if not (folder / name).exists()]
    missing += [
        name for name in ("__main__.py", "events.py", "store.py", "views.py") if not (folder / service / name).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("service", [*SERVICES, "chassis"])
def test_migrations_are_numbered_in_a_row(service: str) -> None:
    root = ROOT / "services" / service
    folder = root / "chassis" / "migrations" if service == "chassis" else root / "migrations"
    texts = {path.stem: path.read_text() for path in sorted(folder.glob("*_[0-9]*.py"))}
    numbers = [int(re.match(rf"{service}_(\d{{4}})_", name)[1]) for name in texts]  # type: ignore[index]
    assert numbers == list(range(1, len(numbers) + 1))
    for number, text in zip(numbers, texts.values(), strict=True):
        before = "None" if number == 1 else f'"{service}_{number - 1:04d}"'
        assert f"down_revision = {before}" in text and f'revision = "{service}_{number:04d}"' in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "services")))
def test_every_module_says_its_one_job(path: pathlib.Path) -> None:
    assert path.name == "py.typed" or ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("service", [*SERVICES, "chassis"])
def test_no_service_imports_another_and_the_chassis_imports_none(service: str) -> None:
    others = {*SERVICES} - {service}
    for path in (ROOT / "services" / service).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & others, f"{path}: {names}"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    assert [path for path in MODULES if drawers & {path.stem, path.parent.name}] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_view_is_closed_or_says_that_it_is_public(service: str) -> None:
    described = Service(service, views=f"{service}.views:BLUEPRINTS")
    views = {name: view for blueprint in all_blueprints(described) for name, view in views_of(blueprint).items()}
    assert views
    assert [name for name, view in views.items() if not getattr(view, "access", None)] == [], "@require or @public"


def views_of(blueprint: object) -> dict[str, object]:
    from flask import Flask

    app = Flask("conventions")
    blueprint.register(app, {})  # type: ignore[attr-defined]
    return {name: function for name, function in app.view_functions.items() if name != "static"}


@pytest.mark.parametrize("service", SERVICES)
def test_handlers_are_at_most_ten_lines(service: str) -> None:
    path = ROOT / "services" / service / service / "handlers.py"
    if not path.exists():
        pytest.skip("takes no events")
    handlers = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any("handles" in ast.dump(mark) for mark in node.decorator_list)
    ]
    assert handlers
    for node in handlers:
        body = node.body[1:] if ast.get_docstring(node) else node.body
        assert body[-1].end_lineno - body[0].lineno + 1 <= 10, f"{service}: {node.name}"  # type: ignore[operator]


@pytest.mark.parametrize("service", SERVICES)
def test_types_are_named_service_fact_version(service: str) -> None:
    events = Service(service).events
    facts: list[type[Fact]] = [*events.WRITES, *events.READS]
    for fact in facts:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+\.v[1-9]\d*", fact.type)


def test_sql_stands_only_where_it_may() -> None:
    for path in MODULES:
        if path.parts[-2] == "domain":
            assert "exec_driver_sql" not in path.read_text()

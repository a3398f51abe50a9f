"""The environment: shared libraries that packages of Python load."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local import debian, venv
from infra.local.progress import Refused


class Said:
    """A step that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_only_libraries_that_do_not_load_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(debian, "install", lambda packages, reason: asked.append(set(packages)))
    monkeypatch.setattr(venv, "LIBRARIES", {"libc.so.6": "libc6", "libnowhere-9.so.0": "libnowhere-9-0"})
    step: Any = Said()
    venv._install_libraries(step)
    assert asked == [{"libnowhere-9-0"}]


def test_where_nothing_may_be_installed_the_environment_is_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(packages: Any, reason: str) -> None:
        raise Refused(f"{reason}: missing Debian packages: {' '.join(packages)}")

    monkeypatch.setattr(debian, "install", refuse)
    monkeypatch.setattr(venv, "_loads", lambda name: False)
    step: Any = Said()
    venv._install_libraries(step)
    assert "libpangoft2-1.0-0" in step.lines[0]

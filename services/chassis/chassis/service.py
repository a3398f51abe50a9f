"""What a service tells the chassis about itself; parts are named, so that a process loads only its own."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@dataclasses.dataclass(frozen=True)
class Service:
    """A service by its name, which is its package, its database, its exchange and its role.

    `views`, `handlers` are "module:attribute"; a service without handlers has no worker. `commands` are its own.
    `settings` are the groups of variables that its web process reads besides the chassis'.
    """

    name: str
    handlers: str | None = None
    views: str | None = None
    domain_errors: str | None = None
    commands: Sequence[click.Command] = ()
    settings: Sequence[type[Any]] = ()

    @property
    def root(self) -> Path:
        """The service's folder, with its migrations and contracts."""
        module = importlib.import_module(self.name)
        return Path(str(module.__file__)).resolve().parent.parent

    def load(self, part: str | None) -> Any:
        """The attribute that a "module:attribute" names."""
        if part is None:
            return None
        module, _, attribute = part.partition(":")
        return getattr(importlib.import_module(module), attribute)

    @property
    def setting_groups(self) -> list[type[Any]]:
        """The groups of variables of the service's own, whichever process reads them."""
        if importlib.util.find_spec(f"{self.name}.settings") is None:
            return []
        declared = vars(importlib.import_module(f"{self.name}.settings")).values()
        return [each for each in declared if isinstance(each, type) and dataclasses.is_dataclass(each)]

    @property
    def events(self) -> Any:
        """The module that lists `WRITES` and `READS`."""
        return importlib.import_module(f"{self.name}.events")

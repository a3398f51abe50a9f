"""The fixtures of ipcam's integration tests: simulated cameras and a migrated template once a run, a world for each test."""

from __future__ import annotations

from tests.integration.ipcam.simulated import cameras, simulator
from tests.integration.ipcam.watching import template, world

__all__ = ["cameras", "simulator", "template", "world"]

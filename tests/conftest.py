"""What every test may use: the private servers of the run (`private_servers`), or the whole platform (`platform`)."""

from __future__ import annotations

pytest_plugins = ["infra.local.fixtures"]

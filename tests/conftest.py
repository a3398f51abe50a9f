"""What every test may use: the private servers of the run (`private_servers`), or the whole platform (`platform`)."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["infra.local.fixtures"]
settings.register_profile("ioc", deadline=None)  # how long an example takes depends on who else uses the machine
settings.load_profile("ioc")

"""The environment of ipcam beyond the chassis'."""

from __future__ import annotations

import dataclasses

from chassis.settings import variable


@dataclasses.dataclass(frozen=True)
class CredentialSettings:
    """The key that camera passwords are encrypted with at rest."""

    key: str = variable("CAMERA_CREDENTIALS_KEY", "Fernet key: 32 bytes in URL-safe base64", secret=True)


@dataclasses.dataclass(frozen=True)
class ProbingSettings:
    """How often cameras are asked whether they answer."""

    every_s: float = variable("PROBE_EVERY_S", "seconds between two probes of one camera", 5.0)
    timeout_s: float = variable("PROBE_TIMEOUT_S", "longest wait for a camera", 6.0)
    threads: int = variable("PROBE_THREADS", "cameras probed at once", 8)

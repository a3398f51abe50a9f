"""What ipcam announces: no picture, no address, no credentials."""

from __future__ import annotations

from marshmallow import fields

from chassis.events import Fact
from ipcam.domain.health import Status
from ipcam.domain.placement import Placement


class CameraFact(Fact):
    """What every event about a camera says."""

    camera = fields.UUID(required=True)
    site = fields.String(required=True, metadata={"description": "code of the quarantine site"})
    at = fields.AwareDateTime(required=True)


class CameraRegistered(CameraFact):
    """A camera was registered."""

    type = "ipcam.camera_registered.v1"
    placement = fields.Enum(Placement, by_value=True, required=True, metadata={"description": "CV 4403/CV-BCĐ 2021"})


class CameraHealthChanged(CameraFact):
    """What every change of health says."""

    was = fields.Enum(Status, by_value=True, required=True)
    reason = fields.String(required=True, allow_none=True)
    since = fields.AwareDateTime(required=True, metadata={"description": "when it began; `at` is when it was believed"})


class CameraOnline(CameraHealthChanged):
    """The stream answers and is well."""

    type = "ipcam.camera_online.v1"


class CameraDegraded(CameraHealthChanged):
    """The stream answers, but not as it should."""

    type = "ipcam.camera_degraded.v1"


class CameraOffline(CameraHealthChanged):
    """The stream does not answer."""

    type = "ipcam.camera_offline.v1"


HEALTH: dict[Status, type[CameraHealthChanged]] = {
    Status.ONLINE: CameraOnline,
    Status.DEGRADED: CameraDegraded,
    Status.OFFLINE: CameraOffline,
}
READS: list[type[Fact]] = []
WRITES: list[type[Fact]] = [CameraRegistered, *HEALTH.values()]

"""What ipcam announces: no picture, no address, no credentials; and the command that tells an operator."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from chassis.events import Command, Fact
from ipcam.domain.faults import Fault
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


class CameraRemoved(CameraFact):
    """A camera was taken out of the registry; its history is kept."""

    type = "ipcam.camera_removed.v1"


class CameraHealthChanged(CameraFact):
    """What every change of health says."""

    was = fields.Enum(Status, by_value=True, required=True)
    reason = fields.String(required=True, allow_none=True)
    since = fields.AwareDateTime(required=True, metadata={"description": "when it began; `at` is when it was believed"})
    planned = fields.Boolean(metadata={"description": "the camera is under maintenance: no alarm"})


class CameraOnline(CameraHealthChanged):
    """The stream answers and is well."""

    type = "ipcam.camera_online.v1"


class CameraDegraded(CameraHealthChanged):
    """The stream answers, but not as it should."""

    type = "ipcam.camera_degraded.v1"


class CameraOffline(CameraHealthChanged):
    """The stream does not answer."""

    type = "ipcam.camera_offline.v1"


class FaultRaised(CameraFact):
    """The camera answers, but what it shows, or its clock, cannot be relied on."""

    type = "ipcam.fault_raised.v1"
    fault = fields.Enum(Fault, by_value=True, required=True)
    since = fields.AwareDateTime(required=True)
    snapshot = fields.UUID(required=True, allow_none=True, metadata={"description": "the picture that shows it"})


class FaultCleared(CameraFact):
    """A fault is gone since `since`."""

    type = "ipcam.fault_cleared.v1"
    fault = fields.Enum(Fault, by_value=True, required=True)
    since = fields.AwareDateTime(required=True)
    lasted_s = fields.Float(required=True)


class MotionStarted(CameraFact):
    """Something moves in an area of the picture, or the camera itself says so (area `camera`)."""

    type = "ipcam.motion_started.v1"
    area = fields.String(required=True)
    since = fields.AwareDateTime(required=True)


class MotionEnded(CameraFact):
    """Nothing moves in the area any more since `last_at`."""

    type = "ipcam.motion_ended.v1"
    area = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    last_at = fields.AwareDateTime(required=True)


class PersonSeen(CameraFact):
    """Somebody is in an area where nobody may be. Who, nobody knows: a body was seen, no face was compared with any."""

    type = "ipcam.person_seen.v1"
    area = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    snapshot = fields.UUID(required=True, allow_none=True, metadata={"description": "the picture that shows it"})


class PersonGone(CameraFact):
    """Nobody is in the forbidden area any more since `last_at`."""

    type = "ipcam.person_gone.v1"
    area = fields.String(required=True)
    since = fields.AwareDateTime(required=True)
    last_at = fields.AwareDateTime(required=True)


class SnapshotTaken(CameraFact):
    """A picture or a clip is kept; its bytes are served to who may see them, and every look is audited."""

    type = "ipcam.snapshot_taken.v1"
    snapshot = fields.UUID(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["snapshot", "clip"]))
    event_id = fields.UUID(required=True, allow_none=True, metadata={"description": "the event that it shows"})
    sha256 = fields.String(required=True, validate=validate.Regexp("^[0-9a-f]{64}$"))
    taken_at = fields.AwareDateTime(required=True)


class LeaseMoved(CameraFact):
    """Another watcher watches the camera now."""

    type = "ipcam.lease_moved.v1"
    was = fields.String(required=True, metadata={"description": "name of the watcher that had it"})
    watcher = fields.String(required=True)
    epoch = fields.Integer(required=True, metadata={"description": "how many times it has changed hands"})


class Recipient(Schema):
    """Who is told."""

    full_name = fields.String(required=True)
    email = fields.Email(required=True)


class SendMessage(Command):
    """Tell somebody something, by a template of notify."""

    type = "notify.send.v1"
    template = fields.String(required=True)
    recipient = fields.Nested(Recipient, required=True)
    reference = fields.String(required=True)
    values = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


HEALTH: dict[Status, type[CameraHealthChanged]] = {
    Status.ONLINE: CameraOnline,
    Status.DEGRADED: CameraDegraded,
    Status.OFFLINE: CameraOffline,
}
READS: list[type[Fact]] = []
WRITES: list[type[Fact]] = [
    CameraRegistered,
    CameraRemoved,
    *HEALTH.values(),
    FaultRaised,
    FaultCleared,
    MotionStarted,
    MotionEnded,
    PersonSeen,
    PersonGone,
    SnapshotTaken,
    LeaseMoved,
    SendMessage,
]

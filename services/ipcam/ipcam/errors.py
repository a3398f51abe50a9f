"""The named errors of ipcam as problems, in one place."""

from __future__ import annotations

from chassis.objects import StoreAway
from chassis.problems import Problem
from ipcam.domain.maintenance import MaintenanceRefused
from ipcam.domain.placement import PlacementRefused
from ipcam.media import CameraUnavailable
from ipcam.store import CameraExists, NoSuchCamera, NoSuchMaintenance, NoSuchSite, SiteExists, UnknownSite
from ipcam.words import reason


def problem_of(error: Exception) -> Problem | None:
    """The problem that an error stands for; None for one that is a defect."""
    match error:
        case PlacementRefused():
            return Problem(422, "Unprocessable", errors=[{"field": "placement", "rule": str(error)}])
        case MaintenanceRefused():
            field, _, rule = str(error).partition(": ")
            return Problem(422, "Unprocessable", errors=[{"field": field, "rule": rule}])
        case UnknownSite():
            rule = f"Không có địa điểm mã {error} trong phạm vi của đơn vị"
            return Problem(422, "Unprocessable", errors=[{"field": "site", "rule": rule}])
        case NoSuchCamera():
            return Problem(404, "Not found", f"Không có camera {error}", code="no-such-camera")
        case NoSuchSite():
            return Problem(404, "Not found", f"Không có địa điểm {error}", code="no-such-site")
        case NoSuchMaintenance():
            return Problem(404, "Not found", f"Không có lịch bảo trì {error}", code="no-such-maintenance")
        case CameraExists():
            return Problem(409, "Conflict", f"Địa điểm đã có camera tên {error}", code="camera-exists")
        case SiteExists():
            return Problem(409, "Conflict", f"Đã có địa điểm mã {error}", code="site-exists")
        case CameraUnavailable():
            detail = f"Camera không cho hình: {reason(error.reason)}"
            return Problem(504, "The camera does not answer", detail, code="camera-away", reason=error.reason)
        case StoreAway():
            return Problem(503, "The picture store is away", headers={"Retry-After": "5"}, code="store-away")
    return None

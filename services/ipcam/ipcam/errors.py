"""The named errors of ipcam as problems, in one place."""

from __future__ import annotations

from chassis.problems import Problem
from ipcam.domain.placement import PlacementRefused
from ipcam.store import CameraExists, NoSuchCamera


def problem_of(error: Exception) -> Problem | None:
    """The problem that an error stands for; None for one that is a defect."""
    match error:
        case PlacementRefused():
            return Problem(422, "Unprocessable", errors=[{"field": "placement", "rule": str(error)}])
        case NoSuchCamera():
            return Problem(404, "Not found", f"Không có camera {error}", code="no-such-camera")
        case CameraExists():
            return Problem(409, "Conflict", f"Địa điểm đã có camera tên {error}", code="camera-exists")
    return None

"""Where a camera of a quarantine site may hang, and the rule that forbids the other places."""

from __future__ import annotations

from enum import StrEnum

RULE = "CV 4403/CV-BCĐ (30/5/2021)"


class Placement(StrEnum):
    """A permitted place (CV 4403/CV-BCĐ 2021); `label` is what people read."""

    CORRIDOR = "corridor"
    FLOOR_LOBBY = "floor_lobby"
    YARD = "yard"
    SAMPLING = "sampling"
    RECEPTION = "reception"
    MEDICAL_CHECK = "medical_check"
    SUPPLIES = "supplies"
    OUTSIDE_TOILET = "outside_toilet"
    GATE = "gate"
    COMMON_AREA = "common_area"

    @property
    def label(self) -> str:
        """The place in Vietnamese."""
        return _LABELS[self]


_LABELS = {
    Placement.CORRIDOR: "Hành lang (bên ngoài cửa phòng)",
    Placement.FLOOR_LOBBY: "Sảnh tầng",
    Placement.YARD: "Sân",
    Placement.SAMPLING: "Khu lấy mẫu",
    Placement.RECEPTION: "Khu tiếp nhận",
    Placement.MEDICAL_CHECK: "Khu khám, theo dõi sức khỏe",
    Placement.SUPPLIES: "Khu hậu cần, cấp phát",
    Placement.OUTSIDE_TOILET: "Bên ngoài khu vệ sinh chung",
    Placement.GATE: "Cổng ra vào",
    Placement.COMMON_AREA: "Khu vực chung khác",
}

#: Named so that an import line that asks for one is told why, and not merely that the word is unknown.
FORBIDDEN = {
    "inside_room": "bên trong phòng ở",
    "inside_toilet": "bên trong nhà vệ sinh",
    "inside_bathroom": "bên trong phòng tắm",
}


class PlacementRefused(ValueError):
    """The placement may not be used; `rule` names the source, `reason` is for people."""

    def __init__(self, placement: str, rule: str, reason: str) -> None:
        super().__init__(f"{placement}: {reason} ({rule})")
        self.placement, self.rule, self.reason = placement, rule, reason


class ForbiddenPlacement(PlacementRefused):
    """Inside rooms, toilets and bathrooms no camera may hang (CV 4403/CV-BCĐ 2021)."""


class UnknownPlacement(PlacementRefused):
    """The word is not in the list."""


def choose_placement(word: str) -> Placement:
    """The placement that the word (code or Vietnamese label) stands for. Raises ForbiddenPlacement or UnknownPlacement."""
    asked = word.strip()
    if asked in FORBIDDEN or asked.casefold() in FORBIDDEN.values():
        where = FORBIDDEN.get(asked, asked.casefold())
        raise ForbiddenPlacement(asked, RULE, f"Không được lắp camera {where}")
    for placement in Placement:
        if asked == placement.value or asked.casefold() == placement.label.casefold():
            return placement
    raise UnknownPlacement(asked, RULE, f"Vị trí lắp đặt không có trong danh mục: {', '.join(Placement)}")

"""The ten statuses of a dossier (TrangThaiHoSo), as synchronised with the national public service portal."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The code is the national one; `text` is its name in Vietnamese."""

    FILED = 1
    ACCEPTED = 2
    REJECTED = 3
    PROCESSING = 4
    AWAITING_SUPPLEMENT = 5
    AWAITING_PAYMENT = 6
    WITHDRAWN = 7
    STOPPED = 8
    COMPLETED = 9
    RETURNED = 10

    @property
    def text(self) -> str:
        """The national name."""
        return _TEXTS[self]

    @property
    def closed(self) -> bool:
        """Whether nothing more can happen."""
        return self in (Status.REJECTED, Status.WITHDRAWN, Status.STOPPED, Status.RETURNED)


_TEXTS = {
    Status.FILED: "Mới đăng ký",
    Status.ACCEPTED: "Được tiếp nhận",
    Status.REJECTED: "Không được tiếp nhận",
    Status.PROCESSING: "Đang xử lý",
    Status.AWAITING_SUPPLEMENT: "Yêu cầu bổ sung giấy tờ",
    Status.AWAITING_PAYMENT: "Yêu cầu thực hiện nghĩa vụ tài chính",
    Status.WITHDRAWN: "Công dân yêu cầu rút hồ sơ",
    Status.STOPPED: "Dừng xử lý",
    Status.COMPLETED: "Đã xử lý xong",
    Status.RETURNED: "Đã trả kết quả",
}

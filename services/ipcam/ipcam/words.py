"""What a camera's reasons are called where people read them."""

from __future__ import annotations

import datetime

from ipcam.domain.faults import LABELS, Fault

#: The whole of Vietnam, all year (QĐ 134/2002/QĐ-TTg).
VIETNAM = datetime.timezone(datetime.timedelta(hours=7))

REASONS = {
    "wrong_password": "sai tài khoản hoặc mật khẩu",
    "not_found": "không có luồng hình ở địa chỉ này",
    "camera_error": "camera báo lỗi",
    "refused_by_camera": "camera từ chối",
    "refused": "thiết bị từ chối kết nối",
    "timeout": "không trả lời",
    "closed": "kết nối bị ngắt",
    "no_answer": "trả lời không đúng giao thức",
    "unsupported_transport": "phương thức truyền không được hỗ trợ",
    "unreachable": "không tới được thiết bị",
    "no_video": "không có hình",
    "unsupported_codec": "chuẩn nén hình không được hỗ trợ",
    "stalled": "ngừng gửi hình dù vẫn giữ kết nối",
    "audio_only": "chỉ còn tiếng, mất hình",
    "codec_changed": "đổi chuẩn nén hình",
    "time_goes_back": "mốc thời gian của luồng hình chạy lùi",
    "low_frame_rate": "số hình mỗi giây thấp",
    "gaps": "hình bị ngắt quãng",
    "rare_key_frames": "hình gốc quá thưa",
    "connecting": "đang kết nối",
}


def reason(word: str | None) -> str:
    """The reason as people read it; a word that has no translation stays as it is."""
    return REASONS.get(word or "", word or "không rõ")


def fault(word: Fault) -> str:
    """The fault as people read it."""
    return LABELS[word]


def moment(at: datetime.datetime) -> str:
    """The time in Vietnam: `14:05:09 ngày 23/11/2026`."""
    return f"{at.astimezone(VIETNAM):%H:%M:%S ngày %d/%m/%Y}"


def duration(lasted: datetime.timedelta) -> str:
    """`2 giờ 05 phút`, `45 giây`."""
    seconds = max(0, int(lasted.total_seconds()))
    if seconds < 60:
        return f"{seconds} giây"
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return f"{hours} giờ {minutes:02} phút" if hours else f"{minutes} phút"

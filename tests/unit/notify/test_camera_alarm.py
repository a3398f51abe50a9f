"""What the operator of a site reads when a camera goes dark."""

from __future__ import annotations

import pytest

from notify.templates import render

VALUES = {
    "full_name": "Tổ trực camera",
    "site_code": "H52-CL-01",
    "site_name": "Khu cách ly số 1",
    "first": "Cổng số 1: Camera bị che, từ 21:30:02 ngày 15/06/2021",
    "lines": "  - Cổng số 1: Camera bị che, từ 21:30:02 ngày 15/06/2021\n  - Sân: mất hình",
}


@pytest.mark.parametrize(
    ("count", "subject"),
    [
        ("1", "[H52-CL-01] Cổng số 1: Camera bị che, từ 21:30:02 ngày 15/06/2021"),
        ("2", "[H52-CL-01] 2 thông báo về camera"),
    ],
)
def test_the_subject_says_what_happened_or_how_much(count: str, subject: str) -> None:
    text = render("camera_alarm", VALUES | {"count": count})
    assert text.subject == subject
    assert text.body.startswith("Kính gửi Tổ trực camera,") and "  - Sân: mất hình" in text.body

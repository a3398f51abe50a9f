"""Who files: names as they are common in Sơn La, with addresses, telephones and mail that belong to nobody."""

from __future__ import annotations

import datetime
import random
import unicodedata
from typing import Any

THAI = ("Lò", "Cầm", "Quàng", "Hoàng", "Bạc", "Tòng", "Cà", "Lường", "Điêu", "Vì", "Lèo")
MONG = ("Giàng", "Vàng", "Mùa", "Thào", "Sùng", "Hạng", "Lầu", "Tráng")
KINH = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Ngô")
MIDDLE = {"m": ("Văn", "Đức", "Quang", "Hữu", "Xuân"), "f": ("Thị", "Thị Thu", "Thị Hồng", "Ngọc", "Thị Minh")}
GIVEN = {
    "m": (
        "An",
        "Bình",
        "Cường",
        "Dũng",
        "Hải",
        "Hùng",
        "Khánh",
        "Long",
        "Nghĩa",
        "Phong",
        "Quân",
        "Sơn",
        "Thắng",
        "Tuấn",
        "Việt",
    ),
    "f": (
        "Anh",
        "Chi",
        "Dung",
        "Hà",
        "Hạnh",
        "Hương",
        "Lan",
        "Linh",
        "Mai",
        "Nga",
        "Nhung",
        "Phượng",
        "Thảo",
        "Thủy",
        "Yến",
    ),
}
MONG_GIVEN = {
    "m": ("A Dính", "A Páo", "A Sếnh", "A Chu", "A Tủa"),
    "f": ("Thị Mỷ", "Thị Dở", "Thị Sua", "Thị Chừ", "Thị Say"),
}
COMPANIES = (
    "Công ty TNHH Chè",
    "Hợp tác xã Nông nghiệp",
    "Công ty Cổ phần Cà phê",
    "Công ty TNHH Xây dựng",
    "Hợp tác xã Rau quả",
)
STREETS = (
    "Chu Văn Thịnh",
    "Tô Hiệu",
    "Trường Chinh",
    "Lò Văn Giá",
    "Nguyễn Lương Bằng",
    "Điện Biên",
    "Hoàng Quốc Việt",
)
VILLAGES = ("bản Hẹo", "bản Cọ", "bản Nà Sản", "bản Áng", "tiểu khu 4", "tiểu khu 12", "tổ 3", "tổ 7", "bản Phiêng Tam")
FIRST_DAY = datetime.date(2015, 1, 1)
"""From here the days in telephone numbers are counted."""


def telephone(stream: str, day: datetime.date, number: int) -> str:
    """The telephone of the n-th to file on a day: by it the province finds its own dossiers again (`whose`)."""
    return f"0{'3' if stream == 'live' else '8'}{(day - FIRST_DAY).days:04}{number:04}"


def whose(phone: str | None) -> tuple[str, datetime.date, int] | None:
    """Stream, day and number in a telephone of ours; None for anybody else's."""
    if not phone or len(phone) != 10 or phone[:2] not in ("03", "08") or not phone.isdigit():
        return None
    return "live" if phone[1] == "3" else "past", FIRST_DAY + datetime.timedelta(int(phone[2:6])), int(phone[6:])


def applicant(rng: random.Random, phone: str, place: str, business: bool) -> dict[str, Any]:
    """Somebody who files at a unit of `place`; what is left out was not given."""
    name = _company(rng, place) if business and rng.random() < 0.2 else _person(rng)
    where = rng.choice(VILLAGES) if rng.random() < 0.6 else f"số {rng.randint(1, 299)} đường {rng.choice(STREETS)}"
    filed = {"full_name": name, "phone": phone, "address": f"{where[0].upper()}{where[1:]}, {place}, tỉnh Sơn La"}
    if rng.random() < 0.7:
        filed["email"] = f"{_ascii(name)}.{phone[-4:]}@example.vn"
    if rng.random() < 0.85:
        filed["identity_number"] = f"014{rng.randint(0, 999_999_999):09}"
    return filed


def _person(rng: random.Random) -> str:
    sex = rng.choice("mf")
    kind = rng.random()
    if kind < 0.15:
        return f"{rng.choice(MONG)} {rng.choice(MONG_GIVEN[sex])}"
    family = rng.choice(THAI if kind < 0.65 else KINH)
    return f"{family} {rng.choice(MIDDLE[sex])} {rng.choice(GIVEN[sex])}"


def _company(rng: random.Random, place: str) -> str:
    return f"{rng.choice(COMPANIES)} {place.rsplit(maxsplit=1)[-1]} {rng.choice(('Xanh', 'Tây Bắc', 'Hưng Thịnh', 'Phú Mỹ'))}"


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return ".".join("".join(letter for letter in plain if letter.isascii()).split())[:40]

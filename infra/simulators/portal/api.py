"""The services of the simulated portal: log-in, DongBoHoSoMC, CapNhatTienDoHoSoMC, TraCuuHoSo, LayDanhSachTTHC, LayThuTuc."""

from __future__ import annotations

import re
import secrets
import threading
from collections import Counter
from typing import Any

from infra.simulators.portal.book import Book
from infra.simulators.portal.faults import Fate

MOMENT = re.compile(r"\d{14}\Z")
MOMENTS = ("NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayNopHoSo", "NgayTuChoi")
NEEDED = ("MaHoSo", "MaTTHC", "TenTTHC", "ChuHoSo", "TrangThaiHoSo", "KenhThucHien", "NgayNopHoSo", "DonViXuLy")
OK, REFUSED, EXPIRED = 0, -3, -1
LONGEST = 1000


class Refusal(Exception):
    """The portal's words."""


class Services:
    """Everything behind the two addresses; answers are JSON objects with `error_code`."""

    def __init__(self, book: Book, fate: Fate, username: str, password: str, procedures: list[dict[str, Any]]) -> None:
        self.book, self.fate, self.username, self.password = book, fate, username, password
        self.procedures = {str(each["code"]): each for each in procedures}
        self.sessions: dict[str, int] = {}
        self.calls: Counter[str] = Counter()
        self._lock = threading.RLock()

    def login(self, body: dict[str, Any]) -> dict[str, Any]:
        """A session for the right password."""
        self.calls["login"] += 1
        right = secrets.compare_digest(str(body.get("password", "")).encode(), self.password.encode())
        if body.get("username") != self.username or not right:
            return self._said(REFUSED, "Sai tên đăng nhập hoặc mật khẩu")
        with self._lock:
            session = secrets.token_hex(16)
            self.sessions[session] = 0
        return self._said(OK, "Thành công") | {"session": session}

    def expire(self) -> None:
        """End every session."""
        with self._lock:
            self.sessions.clear()

    def serve(self, body: dict[str, Any]) -> dict[str, Any]:
        """One call of a service, in a session."""
        service = str(body.get("service"))
        self.calls[service] += 1
        if not self._in_session(str(body.get("session"))):
            return self._said(EXPIRED, "Phiên làm việc không hợp lệ hoặc đã hết hạn")
        serve = {
            "DongBoHoSoMC": self._sync,
            "CapNhatTienDoHoSoMC": self._progress,
            "TraCuuHoSo": self._look_up,
            "LayDanhSachTTHC": self._procedures,
            "LayThuTuc": self._procedure,
        }.get(service)
        try:
            if serve is None:
                raise Refusal(f"Không có dịch vụ {service}")
            with self._lock:
                return self._said(OK, "Thành công") | serve(body)
        except Refusal as refusal:
            return self._said(REFUSED, str(refusal))

    def _in_session(self, session: str) -> bool:
        with self._lock:
            if session not in self.sessions or self.sessions[session] >= self.fate.faults.session_calls:
                self.sessions.pop(session, None)
                return False
            self.sessions[session] += 1
            return True

    def _said(self, code: int, words: str) -> dict[str, Any]:
        odd = self.fate.faults.odd and self.fate.strikes(0.5)
        return {"error_code": code if odd else str(code), "message": words}

    def _items(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        items = body.get("data")
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise Refusal("Dữ liệu data không đúng định dạng")
        for item in items:
            if words := self.fate.faults.refuse.get(str(item.get("MaHoSo"))):
                raise Refusal(words)
        return items

    def _sync(self, body: dict[str, Any]) -> dict[str, Any]:
        updating = body.get("isUpdating")
        if updating not in ("True", "False"):
            raise Refusal("Giá trị isUpdating không hợp lệ")
        items = self._items(body)
        for item in items:
            _check(item)
            there = self.book.has(str(item["MaHoSo"]))
            if there and updating == "False":
                raise Refusal(f"Hồ sơ {item['MaHoSo']} đã tồn tại trên hệ thống")
            if not there and updating == "True":
                raise Refusal(f"Hồ sơ {item['MaHoSo']} không tồn tại trên hệ thống")
        for item in items:
            self.book.put(item, str(updating))
        return {}

    def _progress(self, body: dict[str, Any]) -> dict[str, Any]:
        items = self._items(body)
        for item in items:
            if not self.book.has(str(item.get("MaHoSo"))):
                raise Refusal(f"Hồ sơ {item.get('MaHoSo')} không tồn tại trên hệ thống")
            if not MOMENT.match(str(item.get("ThoiDiemXuLy"))) or not item.get("NoiDungXuLy"):
                raise Refusal("Tiến độ xử lý thiếu ThoiDiemXuLy hoặc NoiDungXuLy")
        for item in items:
            self.book.note(item)
        return {}

    def _look_up(self, body: dict[str, Any]) -> dict[str, Any]:
        item = self.book.item(str(body.get("mahoso")))
        if item is None:
            if self.fate.faults.odd and self.fate.strikes(0.5):
                return {"result": []}
            raise Refusal("Không tìm thấy hồ sơ")
        held = {name: item.get(name) for name in ("MaHoSo", "MaTTHC", "TrangThaiHoSo", "NgayTiepNhan", "NgayHenTra")}
        if self.fate.faults.odd and self.fate.strikes(0.5):
            held["TrangThaiHoSo"] = int(str(held["TrangThaiHoSo"]))
            held["NgayHenTra"] = str(held["NgayHenTra"])[:8]
            return {"result": held}
        return {"result": [held]}

    def _procedures(self, _body: dict[str, Any]) -> dict[str, Any]:
        return {"result": [_procedure(each) for each in self.procedures.values()]}

    def _procedure(self, body: dict[str, Any]) -> dict[str, Any]:
        found = self.procedures.get(str(body.get("matthc")))
        if found is None:
            raise Refusal("Không tìm thấy thủ tục")
        return {"result": _procedure(found) | {"ThanhPhanHoSo": found.get("documents", [])}}


def _procedure(each: dict[str, Any]) -> dict[str, Any]:
    names = {"MaTTHC": "code", "TenTTHC": "name", "MaLinhVuc": "field_code", "TenLinhVuc": "field_name"}
    return {theirs: each.get(ours) for theirs, ours in names.items()}


def _check(item: dict[str, Any]) -> None:
    missing = [name for name in NEEDED if not str(item.get(name) or "").strip()]
    if missing:
        raise Refusal(f"Thiếu trường bắt buộc {', '.join(missing)}")
    wrong = [name for name in MOMENTS if item.get(name) and not MOMENT.match(str(item[name]))]
    if str(item["TrangThaiHoSo"]) not in {str(code) for code in range(1, 11)}:
        wrong.append("TrangThaiHoSo")
    wrong += [name for name, value in item.items() if isinstance(value, str) and len(value) > LONGEST]
    if wrong:
        raise Refusal(f"Sai định dạng {', '.join(wrong)}")

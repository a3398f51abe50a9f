"""Our dossiers as the national portal reads them: items of DongBoHoSoMC and CapNhatTienDoHoSoMC, its dates and codes."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from dossier.domain import facts
from dossier.domain.dossiers import Dossier
from dossier.domain.instants import VIETNAM
from dossier.domain.status import Status

SYNC = "DongBoHoSoMC"
PROGRESS = "CapNhatTienDoHoSoMC"
NAME, TEXT, CODE = 500, 1000, 100
"""The most characters that are sent of a name, of a text and of a code."""
MOST_SUPPLEMENTS, MOST_PAPERS = 20, 100

DONE: dict[type[facts.Fact], tuple[str, Status | None]] = {
    facts.DossierReceived: ("Hồ sơ được nộp", Status.FILED),
    facts.DossierAccepted: ("Tiếp nhận hồ sơ và hẹn trả kết quả", Status.ACCEPTED),
    facts.DossierRejected: ("Từ chối tiếp nhận hồ sơ", Status.REJECTED),
    facts.SupplementRequested: ("Yêu cầu bổ sung, hoàn thiện hồ sơ", None),
    facts.SupplementReceived: ("Tiếp nhận giấy tờ bổ sung", None),
    facts.PaymentRequired: ("Yêu cầu thực hiện nghĩa vụ tài chính", None),
    facts.PaymentRecorded: ("Ghi nhận thực hiện nghĩa vụ tài chính", None),
    facts.DossierForwarded: ("Chuyển hồ sơ đến đơn vị giải quyết", Status.PROCESSING),
    facts.StepFinished: ("Kết thúc bước giải quyết", None),
    facts.DueDateExtended: ("Xin lỗi và hẹn lại ngày trả kết quả", None),
    facts.DueDateChanged: ("Thay đổi ngày hẹn trả theo lịch làm việc", None),
    facts.DossierStopped: ("Dừng giải quyết hồ sơ", None),
    facts.DossierWithdrawn: ("Công dân rút hồ sơ", None),
    facts.DossierCompleted: ("Đã có kết quả giải quyết", Status.COMPLETED),
    facts.ResultReturned: ("Trả kết quả", Status.RETURNED),
}
"""What the portal is told of, in its words, and the status it brings where one act brings several; what only warns or
proposes stays with us."""
CHANNELS = {"direct": "1", "online": "2", "post": "3"}
"""KenhThucHien."""
DEFAULTS: dict[str, Mapping[str, str]] = {"channel": CHANNELS, "applicant": {"citizen": "1"}}


@dataclasses.dataclass(frozen=True)
class Codes:
    """The portal's codes for ours: what ops entered, else the default, else our own code."""

    entered: Mapping[tuple[str, str], str]

    def of(self, kind: str, ours: str) -> str:
        """`kind` is procedure, agency, status, channel or applicant."""
        return self.entered.get((kind, ours)) or DEFAULTS.get(kind, {}).get(ours, ours)


@dataclasses.dataclass(frozen=True)
class Subject:
    """What of a dossier does not change from act to act; `agency` is its unit's code in the scheme that is sent."""

    code: str
    unit: str
    unit_name: str
    agency: str
    procedure: str
    procedure_name: str
    field_code: str
    field_name: str
    channel: str
    filed_at: datetime.datetime
    documents: Sequence[str]
    full_name: str
    email: str | None
    phone: str | None
    identity_number: str | None
    synced: bool


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the history that the portal is told of."""

    fact: str
    at: datetime.datetime
    actor: str
    unit: str | None
    data: Mapping[str, Any]


def moment(at: datetime.datetime | str | None) -> str:
    """yyyyMMddHHmmss in Vietnam's time; nothing for None."""
    if at is None or at == "":
        return ""
    aware = datetime.datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{aware.astimezone(VIETNAM):%Y%m%d%H%M%S}"


def text(value: Any, most: int) -> str:
    """One line of at most so many characters."""
    line = " ".join(str(value or "").split())
    return line if len(line) <= most else line[: most - 1] + "…"


def snapshot(dossier: Dossier) -> dict[str, Any]:
    """How a dossier stands after an act, as JSON without personal data."""
    times = {name: getattr(dossier, name) for name in ("accepted_at", "completed_at", "closed_at")}
    times["due_at"] = dossier.due_at or dossier.standing_due_at  # the clock may stand still: the promise is what stood
    stands: dict[str, Any] = {name: at.isoformat() for name, at in times.items() if at}
    return stands | {"status": int(dossier.status), "fee_required": dossier.fee_required}


def progress(dossier: Dossier, happened: Sequence[facts.Fact]) -> list[dict[str, Any]]:
    """What an act brought, in order, as JSON without personal data; empty where the portal is not told of it."""
    return [_step(dossier, fact) for fact in happened if type(fact) in DONE]


def _step(dossier: Dossier, fact: facts.Fact) -> dict[str, Any]:
    due_at = getattr(fact, "step_due_at", None) or dossier.due_at or dossier.standing_due_at
    status = DONE[type(fact)][1] or dossier.status
    line = {"fact": type(fact).__name__, "at": fact.at.isoformat(), "status": int(status)}
    more = {"unit": getattr(fact, "unit", None), "step": getattr(fact, "step", None)}
    return line | {"due_at": due_at and due_at.isoformat()} | {name: value for name, value in more.items() if value}


def sync_item(subject: Subject, stands: Mapping[str, Any], history: Sequence[Line], codes: Codes) -> dict[str, Any]:
    """The item of DongBoHoSoMC of a dossier as it stood; every value is a string or a list."""
    status = int(stands["status"])
    ended = stands.get("completed_at") or stands.get("closed_at")
    return {
        **_who(subject, codes),
        **_what(subject, codes),
        "NgayTiepNhan": moment(stands.get("accepted_at")),
        "NgayNopHoSo": moment(subject.filed_at),
        "NgayHenTra": moment(stands.get("due_at")),
        "TrangThaiHoSo": codes.of("status", str(status)),
        "NgayTra": moment(stands.get("closed_at")) if status == Status.RETURNED else "",
        "NgayKetThucXuLy": moment(ended),
        "NgayTuChoi": moment(stands.get("closed_at")) if status == Status.REJECTED else "",
        "DanhSachLePhi": _fees(stands),
        "DanhSachHoSoBoSung": supplements(subject.code, history),
    }


def _who(subject: Subject, codes: Codes) -> dict[str, Any]:
    number = subject.identity_number or ""
    kind = {12: "1", 9: "2"}.get(len(number))  # CCCD, CMND
    return {
        "ChuHoSo": text(subject.full_name, NAME),
        "LoaiDoiTuong": codes.of("applicant", "citizen"),
        "MaDoiTuong": "",
        "Email": text(subject.email, CODE),
        "Fax": "",
        "SoDienThoai": text(subject.phone, CODE),
        "DinhDanhCHS": {"LoaiDinhDanh": kind, "SoDinhDanh": number} if kind else {},
    }


def _what(subject: Subject, codes: Codes) -> dict[str, Any]:
    return {
        "MaHoSo": subject.code,
        "SoBienNhan": subject.code,
        "MaTTHC": codes.of("procedure", subject.procedure),
        "TenTTHC": text(subject.procedure_name, NAME),
        "MaLinhVuc": subject.field_code,
        "TenLinhVuc": text(subject.field_name, NAME),
        "TrichYeuHoSo": text(subject.procedure_name, TEXT),
        "DonViXuLy": codes.entered.get(("agency", subject.unit), subject.agency),
        "KenhThucHien": codes.of("channel", subject.channel),
        "NoiNopHoSo": "2" if subject.channel == "online" else "1",
        "HinhThuc": "0",
        "ThongTinKhac": "",
        "ThongTinTra": "",
        "GhiChu": "",
        "DuocThanhToanTrucTuyen": "3",
        "TaiLieuNop": [],
        "DanhSachTepDinhKemKhac": [
            {"TenGiayTo": text(name, NAME), "SoLuong": "1", "LoaiGiayTo": ""}
            for name in subject.documents[:MOST_PAPERS]
        ],
        "DanhSachGiayToKetQua": [],
        "DSKetNoiCSDL": [],
    }


def _fees(stands: Mapping[str, Any]) -> list[dict[str, str]]:
    fee = int(stands.get("fee_required") or 0)
    one = {"TenPhiLePhi": "Phí, lệ phí", "MaPhiLePhi": "", "HinhThucThu": "1", "Gia": str(fee), "LoaiPhiLePhi": "1"}
    return [one] if fee else []


def supplements(code: str, history: Sequence[Line]) -> list[dict[str, str]]:
    """DanhSachHoSoBoSung: what was asked for, and what came in."""
    asked: list[dict[str, str]] = []
    for line in history:
        if line.fact == facts.SupplementRequested.__name__:
            number = f"{code}-{len(asked) + 1}"
            asked.append(
                {
                    "HoSoBoSungId": number,
                    "NguoiYeuCauBoSung": text(line.actor, CODE),
                    "NoiDungBoSung": text(line.data.get("reason"), TEXT),
                    "NgayBoSung": moment(line.at),
                    "TrangThaiBoSung": "0",
                    "NgayHenTraTruoc": moment(line.data.get("previous_due_at")),
                }
            )
        elif line.fact == facts.SupplementReceived.__name__ and asked:
            asked[-1] |= {
                "NguoiTiepNhanBoSung": text(line.actor, CODE),
                "NgayTiepNhanBoSung": moment(line.at),
                "TrangThaiBoSung": "1",
                "NgayHenTraTruoc": moment(line.data.get("previous_due_at")),
                "NgayHenTraMoi": moment(line.data.get("due_at")),
            }
    return asked[-MOST_SUPPLEMENTS:]


def progress_items(
    subject: Subject, steps: Sequence[Mapping[str, Any]], actor: str, names: Mapping[str, str], codes: Codes
) -> list[dict[str, str]]:
    """The items of CapNhatTienDoHoSoMC of one act; `names` are those of units."""
    return [
        {
            "MaHoSo": subject.code,
            "NguoiXuLy": text(actor, CODE),
            "ChucDanh": "",
            "ThoiDiemXuLy": moment(step["at"]),
            "PhongBanXuLy": text(names.get(step.get("unit") or subject.unit, subject.unit_name), NAME),
            "NoiDungXuLy": text(_words(step), TEXT),
            "TrangThai": codes.of("status", str(step["status"])),
            "NgayBatDau": moment(step["at"]),
            "NgayKetThucTheoQuyDinh": moment(step.get("due_at")),
        }
        for step in steps
    ]


WORDS = {kind.__name__: words for kind, (words, _) in DONE.items()}


def _words(step: Mapping[str, Any]) -> str:
    words = WORDS.get(step["fact"], step["fact"])
    return f"{words}: {step['step']}" if step.get("step") else words

"""What a citizen learns of the own dossier by its code and secret: every step, what is asked of them, and until when."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from typing import Any

from chassis.database import Tx
from chassis.problems import Problem
from dossier import settings, store
from dossier.domain.dossiers import Dossier
from dossier.domain.status import Status
from dossier.store import Record

LENGTH = 10
SHORTEST_KEY = 32
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B", " ": None, "-": None})
"""Base32 has no 0, 1 and 8: whoever reads one off a receipt means the letter."""

HAPPENED = {
    "DossierReceived": "Hồ sơ được nộp",
    "DossierAccepted": "Hồ sơ được tiếp nhận",
    "DossierRejected": "Hồ sơ không được tiếp nhận",
    "SupplementRequested": "Yêu cầu bổ sung, hoàn thiện hồ sơ",
    "SupplementReceived": "Đã nhận hồ sơ bổ sung",
    "PaymentRequired": "Yêu cầu thực hiện nghĩa vụ tài chính",
    "PaymentRecorded": "Đã ghi nhận thanh toán",
    "DossierForwarded": "Hồ sơ được chuyển xử lý",
    "StepFinished": "Hoàn thành một bước xử lý",
    "DueDateExtended": "Cơ quan xin lỗi và hẹn lại ngày trả kết quả",
    "DueDateChanged": "Ngày hẹn trả kết quả thay đổi theo lịch làm việc",
    "DossierStopped": "Dừng giải quyết hồ sơ",
    "DossierWithdrawn": "Hồ sơ được rút theo yêu cầu của người nộp",
    "DossierCompleted": "Đã có kết quả giải quyết",
    "ResultReturned": "Đã trả kết quả",
    "CitizenTold": "Đã gửi thông báo cho người nộp",
}
"""What is told; an apology that waits for approval and what only officers watch is not."""
TOLD = ("reason", "letter", "respond_by", "amount", "outstanding", "due_at", "step", "unit", "result")
NAMES = "SELECT code, name FROM unit WHERE code = ANY(%(codes)s)"


def secret_of(code: str) -> str:
    """The secret that goes with a code: 50 bits of HMAC-SHA256 under the key of the environment; stored nowhere."""
    key = settings.lookup().key
    if len(key) < SHORTEST_KEY:
        raise Problem(503, "Look-up is not set up", f"DOSSIER_LOOKUP_KEY has fewer than {SHORTEST_KEY} characters")
    digest = hmac.digest(key.encode(), f"dossier-lookup/{code}".encode(), hashlib.sha256)
    return base64.b32encode(digest).decode()[:LENGTH]


def matches(code: str, secret: str) -> bool:
    """Whether the secret goes with the code; takes as long whether or not there is such a dossier, for nobody looks."""
    given = secret.upper().translate(_MISREAD)
    return hmac.compare_digest(secret_of(code).encode(), given.encode())


def told(tx: Tx, record: Record) -> dict[str, Any]:
    """The dossier as its citizen may see it: no officer's name, and nothing of anybody else."""
    dossier = record.dossier
    history = store.history(tx, dossier.code)
    units = {dossier.unit, *(step.unit for step in dossier.terms.steps)}
    names = {row.code: row.name for row in tx.exec_driver_sql(NAMES, {"codes": list(units)})}
    return {
        "code": dossier.code,
        "unit_name": record.unit_name,
        "procedure": dossier.terms.procedure,
        "procedure_name": record.procedure_name,
        "status": dossier.status,
        "status_name": dossier.status.text,
        "filed_at": dossier.filed_at,
        "answer_due_at": dossier.intake_due_at if dossier.status is Status.FILED else None,
        "accepted_at": dossier.accepted_at,
        "due_at": dossier.due_at,
        "first_due_at": dossier.first_due_at,
        "completed_at": dossier.completed_at,
        "fee_required": dossier.fee_required,
        "fee_paid": dossier.fee_paid,
        "asked": asked(dossier, history),
        "steps": [_step(step, names) for step in dossier.steps],
        "history": [_entry(row, names) for row in history if row.fact in HAPPENED],
    }


def asked(dossier: Dossier, history: list[Any]) -> dict[str, Any] | None:
    """What the citizen is asked to do now, and until when; None where nothing is."""
    if dossier.status is Status.AWAITING_SUPPLEMENT:
        said: dict[str, Any] = next((row.data for row in reversed(history) if row.fact == "SupplementRequested"), {})
        return {"what": "Bổ sung, hoàn thiện hồ sơ", "reason": said.get("reason"), "until": dossier.respond_by}
    if dossier.fee_outstanding > 0 and not dossier.status.closed:
        return {"what": "Nộp phí, lệ phí hoặc nghĩa vụ tài chính", "amount": dossier.fee_outstanding, "until": None}
    if dossier.status is Status.COMPLETED:
        return {"what": "Nhận kết quả", "until": None}
    return None


def _step(step: Any, names: dict[str, str]) -> dict[str, Any]:
    return {
        "name": step.plan.name,
        "unit_name": names.get(step.plan.unit, step.plan.unit),
        "started_at": step.started_at,
        "due_at": step.due_at,
        "finished_at": step.finished_at,
    }


def _entry(row: Any, names: dict[str, str]) -> dict[str, Any]:
    said = {name: row.data[name] for name in TOLD if row.data.get(name) is not None}
    if "unit" in said:
        said["unit"] = names.get(said["unit"], said["unit"])
    status = Status(row.status)
    at: datetime.datetime = row.at
    return {"at": at, "text": HAPPENED[row.fact], "status": status, "status_name": status.text, "details": said}

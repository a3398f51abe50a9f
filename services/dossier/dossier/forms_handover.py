"""The rows of form 05: who handed a dossier to whom and when, and how each stood to its limit."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from dossier.domain.dossiers import Result
from dossier.domain.outcome import Outcome
from dossier.forms_store import Sources
from dossier.forms_text import hour, moment_of

DESK = "Bộ phận Tiếp nhận và Trả kết quả"
OUTCOMES = {Outcome.EARLY: "Trước hạn", Outcome.ON_TIME: "Đúng hạn", Outcome.LATE: "Quá hạn"}


@dataclasses.dataclass(frozen=True)
class Handover:
    """One row; `outcome` is how the one who hands over stood to the own limit, where there was one."""

    giver: str
    taker: str
    at: datetime.datetime
    outcome: str | None
    note: str | None


class _Sheet:
    """The rows written so far, who holds the dossier, and how the step that just ended stood to its limit."""

    def __init__(self, sources: Sources) -> None:
        self.desk = DESK
        self.holder = self.citizen = sources.record.person.full_name
        self.outcome: str | None = None
        self.rows: list[Handover] = []

    def hand(self, taker: str, row: Any, outcome: str | None, note: str | None) -> None:
        self.rows.append(Handover(self.holder, taker, row.at, outcome, note))
        self.holder, self.outcome = taker, None


def handovers(sources: Sources) -> list[Handover]:
    """From the citizen to the one-stop desk, from unit to unit, and back to the citizen."""
    sheet = _Sheet(sources)
    for row in sources.history:
        match row.fact:
            case "DossierReceived":
                sheet.hand(sheet.desk, row, None, "Nộp hồ sơ")
            case "DossierAccepted":
                _accept(sheet, row)
            case "SupplementRequested":
                sheet.hand(sheet.citizen, row, None, "Yêu cầu bổ sung, hoàn thiện hồ sơ")
            case "SupplementReceived":
                sheet.hand(sheet.desk, row, None, "Nhận hồ sơ bổ sung")
            case "StepFinished":
                sheet.outcome = _outcome(row)
            case "DossierForwarded":
                unit = row.data["unit"]
                sheet.hand(sources.unit_names.get(unit, unit), row, sheet.outcome, _step(row.data))
            case "DossierCompleted" if sheet.holder != sheet.desk:
                sheet.hand(sheet.desk, row, sheet.outcome or _outcome(row), _result(row.data))
            case "ResultReturned":
                sheet.hand(sheet.citizen, row, _outcome(row), "Trả kết quả")
            case "DossierWithdrawn":
                sheet.hand(sheet.citizen, row, None, "Người nộp rút hồ sơ")
    return sheet.rows


def _accept(sheet: _Sheet, row: Any) -> None:
    """Filing and acceptance are one handing over; when it was filed is noted where that was another minute."""
    filed = sheet.rows.pop() if len(sheet.rows) == 1 else None
    sheet.holder = sheet.citizen
    earlier = filed is not None and row.at - filed.at >= datetime.timedelta(minutes=1)
    sheet.hand(
        sheet.desk, row, None, f"Tiếp nhận; nộp lúc {hour(filed.at)}" if filed and earlier else "Tiếp nhận hồ sơ"
    )


def _outcome(row: Any) -> str:
    return OUTCOMES[Outcome(row.data["outcome"])]


def _step(data: dict[str, Any]) -> str | None:
    due = data.get("step_due_at")
    parts = [data.get("step"), f"hạn: {hour(moment_of(due))}" if due else None]
    return "; ".join(part for part in parts if part) or None


def _result(data: dict[str, Any]) -> str:
    refused = data.get("result") == Result.REFUSED.value
    return "Từ chối giải quyết, có nêu lý do" if refused else "Đã có kết quả giải quyết"

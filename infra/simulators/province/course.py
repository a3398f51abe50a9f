"""What is done to one dossier: every act with its time and its words, from the counter to the citizen's hand."""

from __future__ import annotations

import dataclasses
import datetime
import random
from typing import Any

from infra.simulators.province import worktime

MISSING = (
    "Thiếu bản sao giấy tờ tùy thân có chứng thực.",
    "Tờ khai chưa ghi đầy đủ nơi cư trú; đề nghị ghi lại mục 5 và mục 7.",
    "Bản vẽ chưa có xác nhận của đơn vị đo đạc.",
    "Giấy ủy quyền đã hết hạn; đề nghị nộp giấy ủy quyền mới.",
)
REFUSALS = (
    "Hồ sơ không thuộc thẩm quyền giải quyết của cơ quan.",
    "Nội dung đề nghị không đáp ứng điều kiện theo quy định.",
    "Thửa đất đang có tranh chấp, chưa đủ điều kiện giải quyết.",
)
DELAYS = (
    "Chờ ý kiến của cơ quan phối hợp",
    "Số lượng hồ sơ tăng đột biến, cần thêm thời gian xác minh thực địa",
    "Mưa lũ làm gián đoạn việc kiểm tra thực địa",
)
STOPS = ("Người nộp đề nghị tạm dừng để hoàn thiện giấy tờ khác.", "Vụ việc đã được Tòa án thụ lý.")
LETTER = (
    "{unit} đã tiếp nhận hồ sơ về thủ tục “{procedure}”. Đến nay chưa thể trả kết quả đúng thời hạn ghi trên Giấy tiếp nhận "
    "hồ sơ và hẹn trả kết quả. Lý do: {reason}.\n\n{unit} xin lỗi ông/bà và hẹn lại ngày trả kết quả. Rất mong nhận được sự "
    "thông cảm."
)


@dataclasses.dataclass(frozen=True)
class Act:
    """One act of the plan: when, which, what it brings, and the unit whose officer does it (None: a leader)."""

    at: datetime.datetime
    name: str
    unit: str | None
    body: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Unit:
    """Who works at it; `pace` is how much of the time that others need they take."""

    code: str
    name: str
    pace: float


class Course:
    """Writes the acts of one dossier, each after the one before."""

    def __init__(
        self,
        rng: random.Random,
        unit: Unit,
        procedure: dict[str, Any],
        channel: str,
        filed_at: datetime.datetime,
    ) -> None:
        self.rng, self.unit, self.procedure, self.channel = rng, unit, procedure, channel
        self.now = filed_at
        self.done: list[Act] = []

    def acts(self) -> list[Act]:
        rng = self.rng
        self._pass_minutes(rng.uniform(3, 15) if self.channel == "direct" else rng.uniform(20, 540))
        fate = rng.random()
        if fate < 0.03:
            return self._do("reject", reason=rng.choice(REFUSALS))
        if fate < 0.06:
            return self._asked_at_intake()
        if self.procedure.get("on_the_spot") and self.channel == "direct" and rng.random() < 0.85:
            return self._do("resolve-on-the-spot", receipt=False)
        self._do("accept")
        return self._worked_at(asked_for_more=fate < 0.13)

    def _asked_at_intake(self) -> list[Act]:
        respond_by = (self.now + datetime.timedelta(days=self.rng.randint(7, 20))).date()
        self._do("request-supplement", reason=self.rng.choice(MISSING), respond_by=respond_by.isoformat())
        if self.rng.random() < 0.2:  # never answered: refused once the day has passed
            self.now = worktime.at(respond_by + datetime.timedelta(1), 0)
            self._pass_minutes(self.rng.uniform(10, 400))
            return self._do("reject", reason="Quá thời hạn bổ sung, hồ sơ chưa được hoàn thiện.")
        self._wait(self.rng.uniform(0.2, 0.9) * (respond_by - self.now.date()).days)
        self._do("receive-supplement")
        return self._worked_at(asked_for_more=False)

    def _worked_at(self, asked_for_more: bool) -> list[Act]:
        """From acceptance, which promises a date, to the citizen's hand."""
        rng, accepted_at = self.rng, self.now
        if asked_for_more:
            self._pass_minutes(rng.uniform(0.2, 2.2) * worktime.MINUTES_A_DAY)
            self._do("request-supplement", reason=rng.choice(MISSING))
            self._wait(rng.uniform(0.5, 9))
            self._do("receive-supplement")
            if self.procedure.get("supplement_clock") != "pause":
                accepted_at = self.now
        due_at = self._due(accepted_at)
        office = self._forward()
        self._pay()
        fate = rng.random()
        if fate < 0.02:
            self._between(self.now, due_at, rng.uniform(0.1, 0.6))
            return self._do("withdraw")
        if fate < 0.03:
            self._between(self.now, due_at, rng.uniform(0.2, 0.8))
            return self._do("stop", reason=rng.choice(STOPS))
        if fate < 0.07:
            self._between(self.now, due_at, rng.uniform(0.3, 0.7))
            self._do("reject", unit=office, reason=rng.choice(REFUSALS))
        else:
            self._finish(due_at, office)
        self._pass_minutes(rng.expovariate(1 / 600) + 5)
        return self._do("return-result")

    def _finish(self, due_at: datetime.datetime, office: str) -> None:
        """Most are early, some on the day, some late; half of those that will be late are apologised for in time."""
        used = self.rng.triangular(0.25, 1.45, 0.8) * self.unit.pace
        end = self._at_share(self.now, due_at, used)
        if end.date() > due_at.date() and self.rng.random() < 0.5:
            self._apologise(due_at)
        self.now = max(self.now, end)
        self._pass_minutes(self.rng.uniform(0, 90))
        self._do("complete", unit=office)

    def _apologise(self, due_at: datetime.datetime) -> None:
        day = due_at.date() - datetime.timedelta(days=self.rng.randint(2, 3))
        while not worktime.works(day):
            day -= datetime.timedelta(days=1)
        asked_at = worktime.at(day, 9 * 60)
        if asked_at <= self.now:
            return
        self.now = asked_at
        reason = self.rng.choice(DELAYS)
        letter = LETTER.format(
            unit=self.unit.name, procedure=self.procedure["name"], reason=reason[0].lower() + reason[1:]
        )
        new_due = worktime.days_after(due_at, self.rng.randint(4, 8)).replace(hour=16, minute=0, second=0)
        self.done.append(
            Act(self.now, "extend", None, {"reason": reason, "letter": letter, "due_at": new_due.isoformat()})
        )

    def _forward(self) -> str:
        """To the unit that processes: the step's own where the procedure has one (liên thông)."""
        self._pass_minutes(self.rng.uniform(10, 240))
        self._do("forward")
        steps = self.procedure.get("steps", [])
        for step in steps[1:]:
            self._pass_minutes(self.rng.uniform(0.3, 0.9) * step["limit"]["count"] * worktime.MINUTES_A_DAY)
            self._do("forward")
        return str(steps[-1]["unit"]) if steps else self.unit.code

    def _pay(self) -> None:
        fee = self.procedure.get("fee_vnd", 0)
        if not fee or self.rng.random() < 0.35:
            return
        self._pass_minutes(self.rng.uniform(5, 200))
        self._do("require-payment", amount=fee)
        self._wait(self.rng.expovariate(1 / 0.6) + 0.02)
        self._do("record-payment", amount=fee)

    def _due(self, start: datetime.datetime) -> datetime.datetime:
        limit = self.procedure["limit"]
        count = limit["count"]
        match limit["kind"]:
            case "calendar_days":
                return worktime.after(start + datetime.timedelta(days=count), 0)
            case "half_days":
                return worktime.days_after(start, count / 2)
            case "working_hours":
                return worktime.after(start, count * 60)
            case "working_days":
                return worktime.days_after(start, count)
        return worktime.days_after(start, 15)

    def _do(self, name: str, unit: str | None = None, **body: Any) -> list[Act]:
        self.done.append(Act(self.now, name, unit or self.unit.code, body))
        return self.done

    def _pass_minutes(self, working: float) -> None:
        self.now = worktime.after(self.now, working)

    def _wait(self, days: float) -> None:
        """The citizen's own time; what the citizen brings is taken in when the office is open."""
        self.now = worktime.after(self.now + datetime.timedelta(days=days), 1)

    def _at_share(self, start: datetime.datetime, due_at: datetime.datetime, share: float) -> datetime.datetime:
        span = max(due_at - start, datetime.timedelta(minutes=10))
        return worktime.after(start + span * share, 0)

    def _between(self, start: datetime.datetime, due_at: datetime.datetime, share: float) -> None:
        self.now = max(self.now, self._at_share(start, due_at, share))
        self._pass_minutes(1)

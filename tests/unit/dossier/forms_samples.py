"""Dossiers for the tests of printed forms, lived through by the domain's own verbs."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from dossier.calendars import unit_calendar
from dossier.domain import interruptions, lifecycle, reappointment
from dossier.domain.dossiers import Channel, Dossier, StepPlan, Terms
from dossier.domain.facts import Done
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.forms_store import Sources
from dossier.states import fact_to_json
from dossier.store import Person, Record

DESK, OFFICE = "H52.21", "H52.18"
NAMES = {DESK: "Ủy ban nhân dân thành phố Sơn La", OFFICE: "Sở Tài nguyên và Môi trường tỉnh Sơn La"}
LINE = (NAMES[DESK], "Ủy ban nhân dân tỉnh Sơn La")
PERSON = Person("Nguyễn Thị Hường", "huong@example.vn", "0912345678", "014123456789", "Tổ 3, phường Chiềng Lề, Sơn La")
BARE = Person("Lò Văn Ỏn")
LONG = Person(
    "Công ty Trách nhiệm hữu hạn một thành viên Đầu tư, Xây dựng, Thương mại và Chế biến Nông lâm sản Xuất nhập khẩu "
    "Tây Bắc Phượng Hoàng Đỏ (ông Nguyễn Hoàng Quỳnh Phương Thuỳ đại diện)",
    "phong-hanh-chinh-tong-hop.cong-ty-nong-lam-san-tay-bac@doanh-nghiep-vua-va-nho.sonla.example.vn",
    "+84212385234567",
    "0" * 12,
    "Số nhà 1234/56/78, ngõ 90, đường Nguyễn Lương Bằng, tổ dân phố số 15, phường Quyết Thắng, thành phố Sơn La, "
    "tỉnh Sơn La, Việt Nam",
)
TWO = ("Đơn đăng ký biến động đất đai, tài sản gắn liền với đất", "Giấy chứng nhận đã cấp (bản gốc)")
THIRTY = tuple(
    f"Văn bản số {n:02} về việc thoả thuận chuyển quyền sử dụng đất của hộ gia đình, có xác nhận của các thành viên"
    for n in range(1, 31)
)
REASON = "Thiếu bản vẽ hiện trạng thửa đất.\nGiấy ủy quyền chưa được chứng thực."
MONDAY = datetime.datetime(2021, 10, 11, 8, 30, tzinfo=VIETNAM)
CODE = "000.00.21.H52-211011-0007"


class Life:
    """One dossier and its history from `first` on, by default Monday 11/10/2021, 08:30."""

    def __init__(
        self,
        person: Person = PERSON,
        channel: Channel = Channel.DIRECT,
        documents: tuple[str, ...] = TWO,
        code: str = CODE,
        on_the_spot: bool = False,
        procedure: str = "Đăng ký biến động quyền sử dụng đất",
        first: datetime.datetime = MONDAY,
    ) -> None:
        self.first = first
        self.person, self.documents, self.procedure = person, documents, procedure
        self.calendars = {unit: unit_calendar() for unit in NAMES}
        steps = () if on_the_spot else (StepPlan("Thẩm định", OFFICE, Limit.working_days(10)),)
        terms = Terms("1.004227", Limit.working_days(15), on_the_spot=on_the_spot, steps=steps)
        self.history: list[Any] = []
        self.dossier: Dossier
        self._keep(lifecycle.receive(code, terms, DESK, channel, first, self.calendars))

    def _keep(self, done: Done) -> None:
        self.dossier = done.dossier
        for fact in done.facts:
            data = fact_to_json(fact)
            row = {"fact": type(fact).__name__, "at": fact.at.astimezone(datetime.UTC), "actor": "x", "data": data}
            self.history.append(SimpleNamespace(**row, status=int(done.dossier.status)))

    def do(self, verb: Callable[..., Done], days: float = 0, *more: Any, clock: bool = True) -> Life:
        """One act so many days after the first."""
        at = self.first + datetime.timedelta(days=days)
        self._keep(verb(self.dossier, at, self.calendars, *more) if clock else verb(self.dossier, at, *more))
        return self

    def sources(self) -> Sources:
        """What its forms are written from."""
        record = Record(self.dossier, self.person, 1, NAMES[DESK], self.procedure, 1)
        return Sources(record, self.history, LINE, NAMES, self.documents)


def accepted(**how: Any) -> Life:
    """Accepted at the counter."""
    return Life(**how).do(lifecycle.accept)


def asked(**how: Any) -> Life:
    """Asked for a supplement the day after."""
    until = datetime.date(2021, 10, 29)
    return accepted(**how).do(interruptions.request_supplement, 1, REASON, until)


def rejected(**how: Any) -> Life:
    """Not accepted."""
    return Life(**how).do(lifecycle.reject, 0.1, "Không thuộc thẩm quyền giải quyết của thành phố.", clock=False)


def apologised(letter: str | None = None, **how: Any) -> Life:
    """Re-appointed once."""
    text = letter or (
        "Ủy ban nhân dân thành phố Sơn La đã tiếp nhận hồ sơ của ông/bà.\n\n"
        "Đến nay chưa thể trả kết quả đúng thời hạn ghi trên Giấy tiếp nhận hồ sơ và hẹn trả kết quả. Lý do: chờ ý kiến "
        "của Sở Xây dựng.\n\nỦy ban nhân dân thành phố Sơn La xin lỗi ông/bà.\n\nRất mong nhận được sự thông cảm."
    )
    later = datetime.datetime(2021, 11, 5, 10, 0, tzinfo=VIETNAM)
    life = accepted(**how).do(lifecycle.forward, 0.2)
    return life.do(reappointment.extend, 8, "Chờ ý kiến của Sở Xây dựng.", text, later)


def returned(**how: Any) -> Life:
    """Lived to its end: supplement, step, apology, result."""
    life = asked(**how).do(interruptions.receive_supplement, 3).do(lifecycle.forward, 3.1)
    life = life.do(lifecycle.complete, 20)
    return life.do(lifecycle.return_result, 21, clock=False)


SAMPLES = {"01": accepted, "02": asked, "03": rejected, "04": apologised, "05": returned, "06": returned}

"""The printed forms 01 to 06 of TT 01/2018/TT-VPCP: which may be issued when, and what stands on each, from data alone."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

from dossier import forms_register
from dossier.domain.dossiers import Dossier, Result
from dossier.domain.instants import VIETNAM
from dossier.domain.rules import Rule
from dossier.forms_handover import DESK, handovers
from dossier.forms_store import Book, Sources
from dossier.forms_text import agency, limit_text, moment_of, paragraphs, place

CHANNELS = {
    "direct": "Trực tiếp",
    "online": "Trực tuyến",
    "post": "Bưu chính công ích",
}


class FormNotIssued(Exception):
    """The dossier has no such form; `rule` says why in Vietnamese, `article` is where it stands."""

    def __init__(self, form: Form, rule: str, article: str) -> None:
        super().__init__(f"{rule} ({article})")
        self.form = form
        self.rule = rule
        self.article = article


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of the annex: its number, its title, the paper it is printed on by default, and how it is filled.

    `written` gives the values of its template, or raises FormNotIssued. The annex prints 01 to 05 on A5, 06 on A4
    (TT 01/2018/TT-VPCP, art. 9 and 10).
    """

    number: str
    lines: tuple[str, ...]
    size: str
    written: Callable[[Form, Sources], dict[str, Any]]
    wide: bool = False

    @property
    def title(self) -> str:
        """The title on one line."""
        return " ".join(self.lines)


def fill(form: Form, sources: Sources) -> dict[str, Any]:
    """Every value of a form's template. Raises FormNotIssued."""
    own = form.written(form, sources)
    record = sources.record
    code = record.dossier.code
    return {
        "form": form,
        "code": code,
        "number": code.partition("-")[2] or code,
        "unit": record.unit_name,
        "agency": agency(record.unit_name),
        "desk": DESK,
        "place": place(sources.line),
        "person": record.person,
        "procedure": record.procedure_name,
    } | own


def fill_book(book: Book) -> dict[str, Any]:
    """Every value of the template of form 06, for a unit's book."""
    unit = book.line[0]
    heading = {"unit": unit, "agency": agency(unit), "desk": DESK, "place": place(book.line)}
    return {"form": FORMS["06"], "code": None, "number": None} | heading | forms_register.book_values(book)


def _receipt(form: Form, sources: Sources) -> dict[str, Any]:
    """01: given for a complete dossier (NĐ 61/2018, art. 17(1)); not for a result on the spot, unless asked for."""
    dossier = sources.record.dossier
    if dossier.accepted_at is None:
        why = "Giấy tiếp nhận hồ sơ và hẹn trả kết quả chỉ được lập khi hồ sơ đầy đủ và đã được tiếp nhận."
        raise _refused(form, dossier, why, Rule.SUPPLEMENT_REASON)
    acceptance = _last(sources, "DossierAccepted")
    if acceptance is not None and acceptance.data.get("receipt") is False:
        why = "Kết quả được trả ngay thì không lập giấy tiếp nhận, trừ khi người nộp hồ sơ yêu cầu."
        raise _refused(form, dossier, why, Rule.ON_THE_SPOT)
    return {
        "dated": dossier.accepted_at,
        "filed_at": dossier.accepted_at,
        "due_at": dossier.first_due_at,
        "limit": limit_text(dossier.terms.limit),
        "documents": sources.documents,
        "book": dossier.filed_at.astimezone(VIETNAM).year,
        "channel": CHANNELS[dossier.channel.value],
    }


def _supplement(form: Form, sources: Sources) -> dict[str, Any]:
    """02: the supplement slip with its reason (NĐ 61/2018, art. 17(1))."""
    asked = _last(sources, "SupplementRequested")
    if asked is None:
        why = "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ chỉ được lập khi đã yêu cầu bổ sung, có nêu rõ lý do."
        raise _refused(form, sources.record.dossier, why, Rule.SUPPLEMENT_REASON)
    respond_by = asked.data.get("respond_by")
    return {
        "dated": asked.at,
        "reasons": paragraphs(asked.data["reason"]),
        "respond_by": datetime.date.fromisoformat(respond_by) if respond_by else None,
    }


def _refusal(form: Form, sources: Sources) -> dict[str, Any]:
    """03: the refusal slip with its reason, at intake or after appraisal (NĐ 61/2018, art. 17(1) and 19(8))."""
    at_intake = _last(sources, "DossierRejected")
    ended = _last(sources, "DossierCompleted")
    appraised = ended if ended is not None and ended.data.get("result") == Result.REFUSED.value else None
    refused = at_intake or appraised
    if refused is None:
        why = "Phiếu từ chối tiếp nhận giải quyết hồ sơ chỉ được lập khi hồ sơ bị từ chối, có nêu rõ lý do."
        raise _refused(form, sources.record.dossier, why, Rule.REFUSAL_REASON)
    return {
        "dated": refused.at,
        "reasons": paragraphs(refused.data.get("reason") or ""),
        "at_intake": at_intake is not None,
        "filed_at": sources.record.dossier.filed_at,
    }


def _apology(form: Form, sources: Sources) -> dict[str, Any]:
    """04: the letter of apology as it was approved, with the new date (NĐ 61/2018, art. 19(9))."""
    extended = _last(sources, "DueDateExtended")
    if extended is None:
        why = "Phiếu xin lỗi và hẹn lại ngày trả kết quả chỉ được lập khi việc hẹn lại đã được phê duyệt."
        raise _refused(form, sources.record.dossier, why, Rule.REAPPOINTMENT_LETTER)
    return {
        "dated": extended.at,
        "letter": paragraphs(extended.data["letter"]),
        "reasons": paragraphs(extended.data["reason"]),
        "previous_due_at": moment_of(extended.data["previous_due_at"]),
        "due_at": moment_of(extended.data["due_at"]),
    }


def _control(form: Form, sources: Sources) -> dict[str, Any]:
    """05: goes with the dossier from hand to hand, each agency with its limit (NĐ 61/2018, art. 19(6)(7))."""
    dossier = sources.record.dossier
    if dossier.accepted_at is None:
        why = "Phiếu kiểm soát quá trình giải quyết hồ sơ được lập từ khi hồ sơ được tiếp nhận."
        raise _refused(form, dossier, why, Rule.STEP_DEADLINE)
    helpers = dict.fromkeys(sources.unit_names[step.unit] for step in dossier.terms.steps)
    return {
        "dated": dossier.last_act_at,
        "filed_at": dossier.accepted_at,
        "due_at": dossier.due_at or dossier.standing_due_at,
        "status": dossier.status.text,
        "helpers": [name for name in helpers if name != sources.record.unit_name],
        "handovers": handovers(sources),
        "open": not dossier.status.closed,
    }


def _register(form: Form, sources: Sources) -> dict[str, Any]:
    """06: the dossier's line in the register (NĐ 61/2018, art. 17; a result on the spot is recorded too)."""
    dossier = sources.record.dossier
    if dossier.accepted_at is None:
        why = "Sổ theo dõi hồ sơ ghi những hồ sơ đã được tiếp nhận."
        raise _refused(form, dossier, why, Rule.ORDER_OF_ACTS)
    year = dossier.filed_at.astimezone(VIETNAM).year
    return forms_register.values([forms_register.line_of(sources)], dossier.last_act_at, year)


FORMS = {
    form.number: form
    for form in (
        Form("01", ("Giấy tiếp nhận hồ sơ", "và hẹn trả kết quả"), "a5", _receipt),
        Form("02", ("Phiếu yêu cầu", "bổ sung, hoàn thiện hồ sơ"), "a5", _supplement),
        Form("03", ("Phiếu từ chối", "tiếp nhận giải quyết hồ sơ"), "a5", _refusal),
        Form("04", ("Phiếu xin lỗi", "và hẹn lại ngày trả kết quả"), "a5", _apology),
        Form("05", ("Phiếu kiểm soát", "quá trình giải quyết hồ sơ"), "a5", _control),
        Form("06", ("Sổ theo dõi hồ sơ",), "a4", _register, wide=True),
    )
}
"""TT 01/2018/TT-VPCP, art. 9 and 10, and its annex."""


def _refused(form: Form, dossier: Dossier, why: str, rule: Rule) -> FormNotIssued:
    return FormNotIssued(form, why, dossier.rules.article(rule))


def _last(sources: Sources, fact: str) -> Any | None:
    return next((row for row in reversed(sources.history) if row.fact == fact), None)

"""The domain's named errors as problems, in one place."""

from __future__ import annotations

from chassis.problems import Problem
from dossier.apologies import OwnProposal
from dossier.catalogue import NotInCatalogue
from dossier.code_blocks import BadDay, CodeTaken, NotReserved
from dossier.desk import UnitCannot, WrongUnit
from dossier.domain.calendar import CalendarError
from dossier.domain.refusals import RuleBroken
from dossier.domain.rules import NoRuleSet
from dossier.files import StoreAway
from dossier.files_store import CutOff
from dossier.forms import FormNotIssued
from dossier.store import NoSuchDossier

LATER = {"Retry-After": "5"}


def problem_of(error: Exception) -> Problem | None:
    """The problem that an error stands for; None for one that is a defect."""
    match error:
        case RuleBroken():
            return Problem(
                409,
                "Act refused",
                str(error),
                code=type(error).__name__,
                act=error.act.value,
                rule=error.rule,
                article=error.article,
                allowed_acts=[act.value for act in error.allowed],
            )
        case FormNotIssued():
            return Problem(
                409,
                "Form not issued",
                str(error),
                code="form-not-issued",
                form=error.form.number,
                rule=error.rule,
                article=error.article,
            )
        case NoSuchDossier():
            return Problem(404, "Not found", f"Không có hồ sơ {error}", code="no-such-dossier")
        case WrongUnit():
            return Problem(403, "Forbidden", f"Hồ sơ thuộc đơn vị {error}", code="unit")
        case OwnProposal():
            detail = "Người đề xuất xin lỗi, hẹn lại không được tự phê duyệt đề xuất của mình"
            return Problem(403, "Forbidden", detail, code="own-proposal")
        case NotInCatalogue():
            return _field(error.field, str(error))
        case UnitCannot():
            return _field("unit", str(error))
        case StoreAway() | CutOff():
            return Problem(503, "Temporarily unavailable", "Kho tệp không trả lời", code="file-store", headers=LATER)
        case NotReserved() | CodeTaken():
            return _field("code", str(error))
        case BadDay():
            return _field("day", str(error))
        case CalendarError() | NoRuleSet():
            return Problem(422, "Unprocessable", str(error), code=type(error).__name__)
    return None


def _field(field: str, rule: str) -> Problem:
    return Problem(422, "Unprocessable", errors=[{"field": field, "rule": rule}])

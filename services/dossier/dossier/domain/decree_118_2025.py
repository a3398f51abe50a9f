"""NĐ 118/2025/NĐ-CP on the one-stop mechanism, in force from 1/7/2025 (art. 40(1)), as a rule set.

The decree of 9/6/2025 has been read, in a public copy of its text. Its numbers are those of 61/2018 but for one:
a dossier returned after appraisal is closed when it is not completed within fifteen days of the notice (art. 19(5)).
It has no rule for dossiers received before it; they stay under the rules of their day.

- Amended by NĐ 367/2025, which has not been read, and from 5/8/2026 by NĐ 309/2026, read in a copy that is not official:
  what that says of art. 17(2)(a), 17(3) and 18(2) changes no number here. It counts dossiers taken in for another
  province's agency from when that agency has them, which the platform does not do.
- The decree knows a stop only on the applicant's wish (art. 21): here that is a withdrawal. The list of forms of TT
  03/2025/TT-VPCP has one for a stop; its text has not been read, so STOP_REASON is unchecked.
- That acts are recorded in order is ours; the decree asks that every step and status be recorded (art. 17(1), 21(3)).
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

from dossier.domain.decree_61_2018 import PROVISIONS as OF_2018
from dossier.domain.rules import Provision, Rule, RuleSet


def _decree(text: str, article: str) -> Provision:
    return Provision(text, f"NĐ 118/2025, {article}")


def _as_in_2018(rule: Rule, article: str) -> Provision:
    """A rule that the two decrees have in common, at its place in this one."""
    return _decree(OF_2018[rule].text, article)


PROVISIONS = MappingProxyType(
    {
        Rule.STATUS: OF_2018[Rule.STATUS],
        Rule.SUPPLEMENT_ONCE: _as_in_2018(Rule.SUPPLEMENT_ONCE, "Điều 11(2)(c)"),
        Rule.SUPPLEMENT_REASON: _as_in_2018(Rule.SUPPLEMENT_REASON, "Điều 17(1)(c)"),
        Rule.SUPPLEMENT_IN_TIME: _as_in_2018(Rule.SUPPLEMENT_IN_TIME, "Điều 19(5)"),
        Rule.SUPPLEMENT_RESTARTS: _as_in_2018(Rule.SUPPLEMENT_RESTARTS, "Điều 19(5)"),
        Rule.SUPPLEMENT_AWAITED: _decree(
            "Hồ sơ đang chờ bổ sung chỉ được đóng khi đã hết hạn bổ sung: sau 15 ngày kể từ khi thông báo hoặc theo thời "
            "hạn của pháp luật chuyên ngành.",
            "Điều 19(5)",
        ),
        Rule.INTAKE_ANSWER: _decree(
            "Hồ sơ nộp trực tuyến được thông báo tiếp nhận hoặc yêu cầu bổ sung không muộn hơn 08 giờ làm việc.",
            "Điều 17(2)(c)",
        ),
        Rule.REFUSAL_REASON: _as_in_2018(Rule.REFUSAL_REASON, "Điều 17(1)(c)"),
        Rule.REFUSAL_IN_TIME: _as_in_2018(Rule.REFUSAL_IN_TIME, "Điều 19(3)"),
        Rule.FORWARD_SAME_DAY: _as_in_2018(Rule.FORWARD_SAME_DAY, "Điều 18(2)"),
        Rule.NEXT_STEP: _as_in_2018(Rule.NEXT_STEP, "Điều 20(2)"),
        Rule.STEP_DEADLINE: _decree("Mỗi cơ quan giải quyết trong thời hạn ghi trên phiếu chuyển xử lý.", "Điều 20(2)"),
        Rule.ON_THE_SPOT: _as_in_2018(Rule.ON_THE_SPOT, "Điều 17(4)"),
        Rule.REAPPOINTMENT_ONCE: _as_in_2018(Rule.REAPPOINTMENT_ONCE, "Điều 19(6)"),
        Rule.REAPPOINTMENT_IN_TIME: _as_in_2018(Rule.REAPPOINTMENT_IN_TIME, "Điều 19(6)"),
        Rule.REAPPOINTMENT_LETTER: _as_in_2018(Rule.REAPPOINTMENT_LETTER, "Điều 19(6)"),
        Rule.EARLY_RESULT: _as_in_2018(Rule.EARLY_RESULT, "Điều 22(5)"),
        Rule.FEE: _as_in_2018(Rule.FEE, "Điều 24(1)"),
        Rule.WITHDRAWAL: _decree(
            "Tổ chức, cá nhân được yêu cầu dừng thực hiện thủ tục đến trước khi có quyết định giải quyết hoặc văn bản "
            "thông báo kết quả.",
            "Điều 21(1)(2)",
        ),
        Rule.STOP_REASON: Provision(
            "Thông báo dừng giải quyết hồ sơ phải nêu rõ lý do.", "TT 03/2025/TT-VPCP, Mẫu số 05", checked=False
        ),
        Rule.ORDER_OF_ACTS: _as_in_2018(Rule.ORDER_OF_ACTS, "Điều 17(1) và 21(3)"),
    }
)

DECREE_118_2025 = RuleSet(
    id="nd-118-2025",
    decree="Nghị định 118/2025/NĐ-CP",
    effective_from=date(2025, 7, 1),
    provisions=PROVISIONS,
    supplement_answer_days=15,
)

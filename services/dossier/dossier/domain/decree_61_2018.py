"""NĐ 61/2018/NĐ-CP on the one-stop mechanism, in force from 21/6/2018 to 30/6/2025, as a rule set; the wording of 2018.

NĐ 107/2021, which amended it and ended with it (NĐ 118/2025, art. 40(1)), has not been read. The decree that replaced
both has the same numbers.
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

from dossier.domain.rules import Provision, Rule, RuleSet

_STATUS_LIST = "Danh mục trạng thái hồ sơ (TrangThaiHoSo), Cổng Dịch vụ công quốc gia"


def _decree(text: str, article: str) -> Provision:
    return Provision(text, f"NĐ 61/2018, {article}")


PROVISIONS = MappingProxyType(
    {
        Rule.STATUS: Provision("Việc này không thực hiện được ở trạng thái hiện tại của hồ sơ.", _STATUS_LIST),
        Rule.SUPPLEMENT_ONCE: _decree("Chỉ được yêu cầu sửa đổi, bổ sung hồ sơ một lần.", "Điều 11(2)(c)"),
        Rule.SUPPLEMENT_REASON: _decree(
            "Phiếu yêu cầu bổ sung phải nêu rõ lý do và nội dung cần bổ sung.", "Điều 17(1)"
        ),
        Rule.SUPPLEMENT_IN_TIME: _decree(
            "Hồ sơ chưa đủ điều kiện phải được trả lại kèm thông báo không quá 03 ngày làm việc kể từ ngày tiếp nhận.",
            "Điều 19(4)",
        ),
        Rule.SUPPLEMENT_RESTARTS: _decree(
            "Thời hạn giải quyết được tính lại từ đầu sau khi nhận đủ hồ sơ.", "Điều 19(4)"
        ),
        Rule.SUPPLEMENT_AWAITED: Provision(
            "Chỉ từ chối hồ sơ đang chờ bổ sung khi đã hết hạn bổ sung ghi trên phiếu yêu cầu.", f"{_STATUS_LIST}, mã 3"
        ),
        Rule.INTAKE_ANSWER: Provision(
            "Hồ sơ nộp trực tuyến được trả lời tiếp nhận trong 08 giờ làm việc.",
            "Hạn tiếp nhận (HanTiepNhan), hệ thống một cửa",
        ),
        Rule.REFUSAL_REASON: _decree("Phiếu từ chối phải nêu rõ lý do.", "Điều 17(1)"),
        Rule.REFUSAL_IN_TIME: _decree(
            "Hồ sơ không đủ điều kiện giải quyết phải được trả lại kèm lý do trong thời hạn giải quyết.", "Điều 19(8)"
        ),
        Rule.FORWARD_SAME_DAY: _decree(
            "Hồ sơ được chuyển trong ngày; tiếp nhận sau 15 giờ thì chuyển vào đầu giờ ngày làm việc tiếp theo.",
            "Điều 18(2)(3)",
        ),
        Rule.NEXT_STEP: _decree(
            "Hồ sơ liên thông chỉ được chuyển theo các bước đã định cho từng cơ quan.", "Điều 19(6)(7)"
        ),
        Rule.STEP_DEADLINE: _decree(
            "Mỗi cơ quan giải quyết trong thời hạn ghi trên phiếu chuyển hồ sơ.", "Điều 19(6)(7)"
        ),
        Rule.ON_THE_SPOT: _decree(
            "Chỉ thủ tục được giải quyết và trả kết quả ngay mới không phải lập giấy tiếp nhận và hẹn trả.",
            "Điều 17(4)",
        ),
        Rule.REAPPOINTMENT_ONCE: _decree(
            "Việc hẹn lại ngày trả kết quả được thực hiện không quá một lần.", "Điều 19(9)"
        ),
        Rule.REAPPOINTMENT_IN_TIME: _decree(
            "Văn bản xin lỗi và hẹn lại phải gửi chậm nhất 01 ngày trước ngày hết hạn giải quyết.", "Điều 19(9)"
        ),
        Rule.REAPPOINTMENT_LETTER: _decree(
            "Hẹn lại ngày trả kết quả phải có văn bản xin lỗi, lý do quá hạn và ngày hẹn mới sau ngày hẹn cũ.",
            "Điều 19(9)",
        ),
        Rule.EARLY_RESULT: _decree("Kết quả có trước hạn phải được thông báo cho người nộp hồ sơ.", "Điều 20"),
        Rule.FEE: _decree("Phí, lệ phí được thu đúng số tiền đã thông báo, qua các hình thức được phép.", "Điều 22"),
        Rule.WITHDRAWAL: Provision("Hồ sơ chỉ rút được khi chưa giải quyết xong.", f"{_STATUS_LIST}, mã 7"),
        Rule.STOP_REASON: Provision("Dừng xử lý hồ sơ phải nêu rõ lý do.", f"{_STATUS_LIST}, mã 8"),
        Rule.ORDER_OF_ACTS: _decree("Quá trình giải quyết được ghi theo đúng thứ tự thời gian.", "Điều 17(3)"),
    }
)

DECREE_61_2018 = RuleSet(
    id="nd-61-2018", decree="Nghị định 61/2018/NĐ-CP", effective_from=date(2018, 6, 21), provisions=PROVISIONS
)

"""HTTP in: what may be done to a dossier now, and by which article the rest may not."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, fields

from chassis import context
from chassis.auth import require
from chassis.database import Tx
from chassis.web import Blueprint, transactional
from dossier import desk, reading
from dossier.domain.acts import judge
from dossier.domain.dossiers import Dossier
from dossier.domain.refusals import Act, RuleBroken

blueprint = Blueprint("acts", "acts", description="What may be done to a dossier")

ACTS = {
    Act.ACCEPT: "Tiếp nhận hồ sơ",
    Act.REJECT: "Từ chối hồ sơ",
    Act.REQUEST_SUPPLEMENT: "Yêu cầu bổ sung, hoàn thiện hồ sơ",
    Act.RECEIVE_SUPPLEMENT: "Nhận hồ sơ bổ sung",
    Act.REQUIRE_PAYMENT: "Yêu cầu thực hiện nghĩa vụ tài chính",
    Act.RECORD_PAYMENT: "Ghi nhận thanh toán",
    Act.FORWARD: "Chuyển hồ sơ sang bước tiếp theo",
    Act.PROPOSE_APOLOGY: "Đề xuất xin lỗi và hẹn lại ngày trả kết quả",
    Act.APPROVE_APOLOGY: "Duyệt thư xin lỗi và ngày hẹn lại",
    Act.DECLINE_APOLOGY: "Không duyệt thư xin lỗi",
    Act.EXTEND: "Xin lỗi và hẹn lại ngày trả kết quả",
    Act.STOP: "Dừng giải quyết hồ sơ",
    Act.WITHDRAW: "Rút hồ sơ theo yêu cầu của công dân",
    Act.COMPLETE: "Hoàn thành xử lý",
    Act.RETURN_RESULT: "Trả kết quả",
    Act.RESOLVE_ON_THE_SPOT: "Giải quyết và trả kết quả ngay",
}


class AllowedAct(Schema):
    """An act that the law allows now."""

    act = fields.String()
    name = fields.String()


class RefusedAct(AllowedAct):
    """An act that it does not, and why."""

    error = fields.String()
    rule = fields.String()
    article = fields.String()


class ActsSchema(Schema):
    """What may be done; `may_act` is whether the caller's unit and scopes cover the dossier."""

    code = fields.String()
    status = fields.Integer()
    status_name = fields.String()
    may_act = fields.Boolean()
    allowed = fields.List(fields.Nested(AllowedAct))
    refused = fields.List(fields.Nested(RefusedAct))


@blueprint.route("/v1/dossiers/<code>/acts")
@require("dossier:read")
@transactional
@blueprint.response(200, ActsSchema)
def show_acts(tx: Tx, code: str) -> dict[str, Any]:
    """Which acts are allowed now, and for each that is not the rule that it would break and its article.

    An act may still be refused for what it brings: a missing reason, a wrong amount.
    """
    dossier = reading.readable(tx, code).dossier
    judged = {act: _broken(dossier, act) for act in Act}
    refused = {act: error for act, error in judged.items() if error is not None}
    return {
        "code": dossier.code,
        "status": dossier.status,
        "status_name": dossier.status.text,
        "may_act": "dossier:write" in context.current().caller.scopes and desk.covers(dossier),
        "allowed": [{"act": act.value, "name": ACTS[act]} for act in judged if act not in refused],
        "refused": [
            {"act": act.value, "name": ACTS[act], "error": type(error).__name__, "rule": error.rule,
             "article": error.article}
            for act, error in refused.items()
        ],
    }  # fmt: skip


def _broken(dossier: Dossier, act: Act) -> RuleBroken | None:
    try:
        judge(dossier, act, datetime.datetime.now(datetime.UTC))
    except RuleBroken as broken:
        return broken
    return None

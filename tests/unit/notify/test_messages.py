"""What becomes of a message, and what a citizen reads."""

from __future__ import annotations

import datetime
import email
import email.policy
import json
import pathlib
import types

import pytest

from notify import templates
from notify.domain import Delivery, Outcome, Status, after_attempt, mask_email
from notify.sender import email_of
from notify.settings import SmtpSettings

NOW = datetime.datetime(2021, 10, 12, 9, tzinfo=datetime.UTC)
CONTRACTS = pathlib.Path(templates.__file__).resolve().parents[1] / "contracts"


def attempt(delivery: Delivery, attempts: int) -> Outcome:
    return after_attempt(delivery, attempts, most=3, first_s=5, now=NOW)


def test_an_accepted_message_is_sent() -> None:
    assert attempt(Delivery.ACCEPTED, 3) == Outcome(Status.SENT)


def test_a_refused_message_has_failed_at_once() -> None:
    assert attempt(Delivery.REFUSED, 1) == Outcome(Status.FAILED)


def test_a_send_that_was_cut_off_is_uncertain_and_never_repeated_by_itself() -> None:
    assert attempt(Delivery.UNKNOWN, 1) == Outcome(Status.UNCERTAIN)


def test_a_temporary_failure_is_tried_again_ever_later_and_at_last_fails() -> None:
    waits = [attempt(Delivery.TRY_LATER, number) for number in (1, 2, 3)]
    assert waits[:2] == [Outcome(Status.CREATED, NOW + datetime.timedelta(seconds=wait)) for wait in (5, 10)]
    assert waits[2] == Outcome(Status.FAILED)


def test_an_address_is_masked() -> None:
    assert mask_email("an.lo@example.vn") == "a***@example.vn"


def test_the_first_line_of_a_template_is_the_subject() -> None:
    values = json.loads((CONTRACTS / "notify.send.v1.example.json").read_text())["values"] | {"full_name": "Lò Văn An"}
    text = templates.render("dossier_accepted", values)
    assert text.subject == "Giấy tiếp nhận hồ sơ H52.17-211012-0001 và hẹn trả kết quả"
    assert text.body.startswith("Kính gửi Lò Văn An,\n") and "26/10/2021" in text.body


def test_a_letter_names_the_decree_of_its_dossier() -> None:
    values = _plain() | {"reason": "Thiếu bản vẽ", "respond_by": "", "procedure_name": "x"}
    told = templates.render("dossier_supplement_requested", values | {"decree": "Nghị định 118/2025/NĐ-CP"})
    assert "(Nghị định 118/2025/NĐ-CP, Điều 11)" in told.body
    assert "(Nghị định 61/2018/NĐ-CP, Điều 11)" in templates.render("dossier_supplement_requested", values).body, (
        "as orders were written before they named it"
    )


def test_a_missing_value_is_an_error_that_names_it() -> None:
    with pytest.raises(templates.TemplateRefused, match="procedure_name"):
        templates.render("dossier_accepted", {"code": "x", "full_name": "x", "unit_name": "x"})


@pytest.mark.parametrize("name", ["unheard_of", "../settings", "/etc/passwd", ""])
def test_a_template_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(templates.UnknownTemplate):
        templates.render(name, {})


def test_values_cannot_reach_into_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "{{" in templates.render("dossier_rejected", {**_plain(), "reason": "{{ ''.__class__ }}"}).body


def _plain() -> dict[str, str]:
    return {"code": "c", "full_name": "n", "unit_name": "u", "procedure_name": "p"}


def test_vietnamese_arrives_as_it_was_written_and_the_id_leads_back_to_us() -> None:
    row = types.SimpleNamespace(
        id="0190a3c2-7b1e-7c55-8a10-3f1f6d1f0a01",
        email="an@example.vn",
        subject="Yêu cầu thực hiện nghĩa vụ tài chính cho hồ sơ H52.17-211012-0001",
        body="Kính gửi Lò Văn An,\nsố tiền 200.000 đồng\n",
        created_at=NOW,
        correlation_id="c-1",
    )
    smtp = SmtpSettings(host="h", port=25, sender="Dịch vụ công Sơn La <khong-tra-loi@ioc.invalid>")
    sent = email_of(row, smtp).as_bytes(policy=email.policy.SMTP)
    read = email.message_from_bytes(sent, policy=email.policy.default)
    assert (read["Subject"], read["From"].addresses[0].display_name) == (row.subject, "Dịch vụ công Sơn La")
    assert read.get_content().replace("\r\n", "\n") == row.body
    assert read["Message-ID"] == f"<{row.id}@ioc.invalid>"

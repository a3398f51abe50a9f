"""Printed forms over HTTP: what is negotiated, who may print what, what is refused with which article, what is audited."""

from __future__ import annotations

import datetime
import io
import re
from typing import Any

import pypdf
import pytest

from dossier import forms_views
from dossier.domain.instants import VIETNAM
from tests.integration.dossier.reading_world import READ, Desk

APPLICANT = {"full_name": "Nguyễn Thị Hường", "address": "Tổ 3, phường Chiềng Lề", "phone": "0912345678"}


def get(desk: Desk, code: str, number: str, query: str = "", **more: Any) -> Any:
    return desk("GET", f"/v1/dossiers/{code}/forms/{number}{query}", **more)


def text_of(document: bytes) -> str:
    return "".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(document)).pages).replace(" ", "")


def accepted(desk: Desk, **more: Any) -> str:
    code = desk.file("", applicant=APPLICANT, **more)
    desk.act(code, "accept")
    return code


def test_a_receipt_comes_as_a_page_or_as_pdf_as_asked_for(desk: Desk) -> None:
    code = accepted(desk)
    page = get(desk, code, "01")
    assert page.status_code == 200 and page.content_type == "text/html; charset=utf-8"
    assert (
        "Nguyễn Thị Hường" in page.text and "Sở Tư pháp tỉnh Sơn La" in page.text and "@page { size: A5; }" in page.text
    )
    assert "Sơn La, ngày" in page.text, "the place is that of the committee above the department"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    by_accept = get(desk, code, "01", headers={"Accept": "application/pdf"})
    by_query = get(desk, code, "01", "?format=pdf", headers={"Accept": "text/html"})
    for answer in (by_accept, by_query):
        assert answer.status_code == 200 and answer.content_type == "application/pdf"
        assert answer.headers["Content-Disposition"] == f'inline; filename="{code}-01.pdf"'
    assert by_accept.data == by_query.data, "the same data, the same bytes"
    assert "NguyễnThịHường" in text_of(by_accept.data) and "Bảnsaogiấytờtùythân" in text_of(by_accept.data)
    assert get(desk, code, "01", headers={"Accept": "image/png"}).status_code == 406
    assert "size: A4" in get(desk, code, "01", "?size=a4").text
    assert "size: A4 landscape" in get(desk, code, "06").text, "the register is printed on A4"


@pytest.mark.parametrize("query", ["?size=a3", "?format=docx", "?copy=mine", "?paper=a4"])
def test_what_is_not_offered_is_refused_by_field(desk: Desk, query: str) -> None:
    answer = get(desk, accepted(desk), "01", query)
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == query[1:].partition("=")[0]


def test_every_form_of_a_life_lived_to_its_end(desk: Desk) -> None:
    code = desk.file("", applicant=APPLICANT, procedure="1.004227", unit="H52.21")
    assert get(desk, code, "01", unit="*").status_code == 409, "not accepted yet"
    desk.act(code, "accept")
    desk.act(code, "request-supplement", reason="Thiếu bản vẽ <hiện trạng>", respond_by="2099-12-31")
    asked = get(desk, code, "02", unit="*")
    assert "Thiếu bản vẽ &lt;hiện trạng&gt;" in asked.text and "ngày 31 tháng 12 năm 2099" in asked.text
    desk.act(code, "receive-supplement")
    desk.act(code, "forward")
    refused = get(desk, code, "04", unit="*")
    assert refused.status_code == 409 and refused.content_type == "application/problem+json"
    assert refused.json["type"] == "urn:ioc:problem:form-not-issued"
    assert refused.json["form"] == "04" and refused.json["rule"]
    assert refused.json["article"] == "NĐ 118/2025, Điều 19(6)"
    desk("POST", f"/v1/dossiers/{code}/extend", unit="*", scopes=["dossier:approve"], json={
        "reason": "Chờ ý kiến của Sở Xây dựng", "due_at": "2099-01-05T09:00:00+07:00"})  # fmt: skip
    letter = get(desk, code, "04", unit="*")
    assert letter.status_code == 200 and "Chờ ý kiến của Sở Xây dựng" in letter.text
    assert "mới: 09 giờ 00 phút, ngày 05 tháng 01 năm 2099" in letter.text
    desk.act(code, "complete")
    sheet = get(desk, code, "05", "?format=pdf", unit="*")
    assert "SởTàinguyênvàMôitrường" in text_of(sheet.data) and "Trướchạn" in text_of(sheet.data)
    register = get(desk, code, "06", "?format=pdf", unit="*")
    assert code.partition("-")[2] in text_of(register.data)


def test_a_rejected_dossier_has_a_refusal_slip_and_no_receipt(desk: Desk) -> None:
    code = desk.file("Lò Văn Ỏn")
    desk.act(code, "reject", reason="Không thuộc thẩm quyền")
    assert "Không thuộc thẩm quyền" in get(desk, code, "03").text
    assert "Điều 17(1)" in get(desk, code, "01").json["article"]


def test_only_who_may_read_the_dossier_may_print_it(desk: Desk) -> None:
    code = accepted(desk)
    assert get(desk, code, "01", unit=None).status_code == 401
    assert get(desk, code, "01", unit="H52.18").status_code == 403
    assert get(desk, code, "01", scopes=["notify:read"]).status_code == 403
    assert get(desk, code, "01", unit="H52", scopes=READ).status_code == 200
    assert get(desk, "H52.17-990101-0001", "01").status_code == 404
    for number in ("07", "1", "00", "x"):
        answer = get(desk, code, number)
        assert answer.status_code == 404 and answer.json["type"] == "urn:ioc:problem:no-such-form"


def test_the_secret_is_on_the_citizens_copy_alone_and_only_an_officer_prints_that(desk: Desk) -> None:
    code = accepted(desk)
    secret = desk("GET", f"/v1/dossiers/{code}/receipt-secret").json["secret"]
    assert secret in get(desk, code, "01").text
    assert secret not in get(desk, code, "01", "?copy=office").text
    assert secret not in get(desk, code, "01", scopes=READ).text, "who may only read gets the office's copy"
    assert get(desk, code, "01", "?copy=citizen", scopes=READ).status_code == 403
    assert secret not in get(desk, code, "05").text


def test_who_printed_whose_data_is_on_record(desk: Desk) -> None:
    code = accepted(desk)
    get(desk, code, "01")
    get(desk, code, "04")
    rows = desk.world.sql("SELECT action FROM audit_entry WHERE object LIKE %s ORDER BY id", f"dossier/{code}%")
    actions = [row.action for row in rows]
    assert actions.count("dossier.print-form") == 1, "a refused form shows nothing, and leaves no trace of printing"
    assert actions.count("dossier.read-lookup-secret") == 1


def test_on_the_spot_there_is_no_receipt_unless_the_citizen_asks(desk: Desk) -> None:
    code = desk.file("Lò Văn Ỏn", "1.001193", "H52.21.31")
    desk.act(code, "resolve-on-the-spot")
    assert "Điều 17(4)" in get(desk, code, "01", unit="*").json["article"]
    assert "Đã trả kết quả" in get(desk, code, "06", unit="*").text


def cells(html: str) -> list[list[str]]:
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row][1:] for row in rows]


def test_a_units_register_has_a_line_for_each_accepted_dossier_the_same_as_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [accepted(desk) for _ in range(3)]
    desk.act(codes[0], "forward")
    desk.act(codes[0], "complete")
    desk.act(codes[0], "return-result")
    desk.act(codes[1], "request-supplement", reason="Thiếu tờ khai")
    desk("POST", f"/v1/dossiers/{codes[2]}/extend", unit="*", scopes=["dossier:approve"], json={
        "reason": "Mưa lũ", "due_at": "2099-01-05T09:00:00+07:00"})  # fmt: skip
    rejected = desk.file("Lò Văn Ỏn")
    desk.act(rejected, "reject", reason="Không thuộc thẩm quyền")
    desk.file("Another unit's", "1.001193", "H52.21.31")
    today = datetime.datetime.now(VIETNAM).date()
    period = f"first={today - datetime.timedelta(days=1)}&last={today}"
    book = desk("GET", f"/v1/forms/06?unit=H52.17&{period}")
    assert book.status_code == 200
    assert cells(book.text) == [cells(get(desk, code, "06").text)[0] for code in codes]
    assert "hẹn lại 05/01/2099" in book.text and "đã yêu cầu bổ sung" in book.text and rejected not in book.text
    printed = desk("GET", f"/v1/forms/06?unit=000.00.17.H52&{period}&format=pdf")
    assert printed.content_type == "application/pdf" and "SỔTHEODÕIHỒSƠ" in text_of(printed.data).upper()
    assert desk("GET", f"/v1/forms/06?unit=H52.21&{period}").status_code == 403
    assert desk("GET", f"/v1/forms/06?unit=H52.17&{period}", unit="H52", scopes=READ).status_code == 200
    for wrong, field in (
        (f"unit=H52.99&{period}", "unit"),
        ("unit=H52.17&first=2026-02-01&last=2026-01-01", "last"),
        ("unit=H52.17&first=0001-01-01&last=0001-01-02", "last"),
        (f"unit=H52.17&first=2020-01-01&last={today}", "last"),
        ("unit=H52.17&first=2026-02-01", "last"),
    ):
        answer = desk("GET", f"/v1/forms/06?{wrong}", unit="*")
        assert answer.status_code == 422 and answer.json["errors"][0]["field"] == field, wrong
    monkeypatch.setattr(forms_views, "MOST_LINES", 2)
    assert desk("GET", f"/v1/forms/06?unit=H52.17&{period}").json["errors"][0]["field"] == "last"
    (row,) = desk.world.sql("SELECT DISTINCT object FROM audit_entry WHERE action = 'dossier.print-register'")
    assert row.object == "unit/H52.17"


def test_an_empty_register_is_printed_too(desk: Desk) -> None:
    empty = desk("GET", "/v1/forms/06?unit=H52.17&first=2020-01-01&last=2020-01-31")
    assert empty.status_code == 200 and cells(empty.text) == []
    assert "Từ ngày 01 tháng 01 năm 2020 đến ngày 31 tháng 01 năm 2020" in empty.text

"""Printed forms 01 to 06: what stands on them, when they may be issued, and that the same data give the same bytes."""

from __future__ import annotations

import datetime
import io
import os
import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pypdf
import pytest
from fontTools.ttLib import TTFont

from chassis.problems import Problem
from dossier import forms, forms_render, forms_text, forms_views
from dossier.domain import interruptions, lifecycle
from dossier.domain.dossiers import Channel
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.forms_handover import handovers
from dossier.forms_store import Sources
from tests.unit.dossier import forms_samples as samples

SIZES = {"a5": (148, 210), "a4": (210, 297)}


def page(number: str, sources: Sources, size: str = "a5", secret: str | None = None) -> str:
    return forms_render.html(forms.fill(forms.FORMS[number], sources), size, secret)


def words(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def read(document: bytes) -> str:
    return words(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(document)).pages))


def visible(html: str) -> str:
    return words(re.sub(r"<[^>]+>", " ", html[html.index("<body>") :]))


LAW = {
    "01": ("Giấy tiếp nhận hồ sơ", "Nguyễn Thị Hường", "Tổ 3, phường Chiềng Lề", "0912345678", "huong@example.vn",
           "Đăng ký biến động quyền sử dụng đất", "Giấy chứng nhận đã cấp (bản gốc)", "15 ngày làm việc",
           "08 giờ 30 phút, ngày 11 tháng 10 năm 2021", "08 giờ 30 phút, ngày 01 tháng 11 năm 2021",
           "Đăng ký nhận kết quả tại", "Vào Sổ theo dõi hồ sơ", "Người nộp hồ sơ", "Người tiếp nhận hồ sơ"),
    "02": ("bổ sung, hoàn thiện hồ sơ", "Nguyễn Thị Hường", "Thiếu bản vẽ hiện trạng thửa đất.",
           "Giấy ủy quyền chưa được chứng thực.", "ngày 29 tháng 10 năm 2021", "Người hướng dẫn"),
    "03": ("tiếp nhận giải quyết hồ sơ", "Nguyễn Thị Hường", "với lý do cụ thể như sau",
           "Không thuộc thẩm quyền giải quyết của thành phố."),
    "04": ("và hẹn lại ngày trả kết quả", "Kính gửi: Nguyễn Thị Hường", "Chờ ý kiến của Sở Xây dựng.",
           "trước đây: 08 giờ 30 phút, ngày 01 tháng 11 năm 2021", "mới: 10 giờ 00 phút, ngày 05 tháng 11 năm 2021",
           "xin lỗi ông/bà", "Thủ trưởng cơ quan, đơn vị"),
    "05": ("quá trình giải quyết hồ sơ", "Cơ quan phối hợp giải quyết hồ sơ: Sở Tài nguyên và Môi trường tỉnh Sơn La",
           "1. Giao: Bộ phận Tiếp nhận và Trả kết quả 2. Nhận: Sở Tài nguyên", "Quá hạn", "Trước hạn", "Người giao"),
    "06": ("Sổ theo dõi hồ sơ", "Nguyễn Thị Hường", "11/10/2021", "01/11/2021", "14/10/2021", "31/10/2021", "Ký nhận"),
}  # fmt: skip
HEADING = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "Sơn La, ngày", "Ủy ban nhân dân",
    "thành phố Sơn La", samples.CODE,
)  # fmt: skip


@pytest.mark.parametrize("number", LAW)
def test_each_form_says_what_the_annex_asks_for(number: str) -> None:
    text = visible(page(number, samples.SAMPLES[number]().sources()))
    for asked in (*HEADING, f"Mẫu số {number}", *LAW[number]):
        assert asked in text, f"{asked!r} is missing in {text}"


@pytest.mark.parametrize("number", LAW)
@pytest.mark.parametrize("size", SIZES)
def test_the_pdf_has_the_same_words_with_their_accents_on_the_paper_asked_for(number: str, size: str) -> None:
    html = page(number, samples.SAMPLES[number]().sources(), size)
    document = forms_render.pdf(html)
    text = read(document)
    for asked in (*HEADING[:3], *LAW[number][1:]):
        assert asked.replace(" ", "").lower() in text.replace(" ", "").lower(), asked
    sheet = pypdf.PdfReader(io.BytesIO(document)).pages[0].mediabox
    width, height = (round(float(side) / 72 * 25.4) for side in (sheet.width, sheet.height))
    assert (width, height) == (SIZES[size][::-1] if number == "06" else SIZES[size])


def fonts_of(document: bytes) -> set[str]:
    found = set()
    for sheet in pypdf.PdfReader(io.BytesIO(document)).pages:
        for font in sheet["/Resources"]["/Font"].values():
            own = font.get_object()["/DescendantFonts"][0].get_object()
            assert "/FontFile2" in own["/FontDescriptor"] or "/FontFile3" in own["/FontDescriptor"], "not embedded"
            found.add(str(font.get_object()["/BaseFont"]).partition("+")[2])
    return found


def test_every_vietnamese_letter_has_a_glyph_in_each_of_our_fonts() -> None:
    marked = "aăâeêioôơuưy"
    letters = {unicodedata.normalize("NFC", a + tone) for a in marked for tone in ("", "̀", "̉", "̃", "́", "̣")}
    letters |= set("đ–…") | {chr(code) for code in range(0x20, 0x7F)}
    letters |= {letter.upper() for letter in letters}
    assert all(len(letter) == 1 for letter in letters)
    for path in sorted(forms_render.FONTS.glob("*.ttf")):
        lacking = {letter for letter in letters if ord(letter) not in TTFont(path).getBestCmap()}
        assert not lacking, f"{path.name} lacks {sorted(lacking)}"


@pytest.mark.parametrize("number", LAW)
def test_a_pdf_carries_only_our_fonts_so_that_no_letter_fell_back_to_another(number: str) -> None:
    document = forms_render.pdf(page(number, samples.SAMPLES[number](person=samples.LONG).sources()))
    assert fonts_of(document) <= {"Form", "Form-Bold", "Form-Italic"}


def test_text_typed_with_combining_accents_prints_as_composed_letters() -> None:
    person = samples.Person(unicodedata.normalize("NFD", "Nguyễn Thị Hường"))
    document = forms_render.pdf(page("01", samples.accepted(person=person).sources()))
    assert "NguyễnThịHường" in read(document).replace(" ", "")
    assert fonts_of(document) <= {"Form", "Form-Bold", "Form-Italic"}


def test_the_same_data_give_the_same_bytes_in_any_process_with_any_fonts_installed(tmp_path: Path) -> None:
    script = (
        "import hashlib, sys\nfrom tests.unit.dossier import test_forms as t\n"
        "sys.stdout.write(hashlib.sha256(t.forms_render.pdf(t.page('05', t.samples.returned().sources()))).hexdigest())"
    )
    bare = tmp_path / "fonts.conf"
    bare.write_text("<?xml version='1.0'?><fontconfig></fontconfig>")
    root = Path(__file__).parents[3]
    seen = set()
    for more in ({}, {"FONTCONFIG_FILE": str(bare), "PYTHONHASHSEED": "7", "TZ": "America/Lima"}):
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=root, env=os.environ | more, capture_output=True, text=True, check=True
        )
        seen.add(run.stdout)
    assert len(seen) == 1
    again = samples.returned()
    assert forms_render.pdf(page("05", again.sources())) == forms_render.pdf(page("05", again.sources()))


def test_a_pdf_is_dated_by_the_data_and_not_by_the_clock() -> None:
    said = pypdf.PdfReader(io.BytesIO(forms_render.pdf(page("01", samples.accepted().sources())))).metadata
    assert said is not None and said.creation_date is not None
    assert said.creation_date == samples.MONDAY


def test_what_people_wrote_is_text_and_never_markup() -> None:
    evil = samples.Person("<script>alert('x')</script>", address='"><img src="http://127.0.0.1:9/x">')
    html = page("01", samples.accepted(person=evil, code="A\"<b>'-1").sources())
    assert "<script" not in html and "<img" not in html and "<b>'" not in html
    assert "&lt;script&gt;" in html
    assert "alert" in read(forms_render.pdf(html)), "printed as it was written"


def test_a_page_can_make_the_printer_fetch_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    picture.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><text y="9">Mật</text></svg>')
    html = page("01", samples.accepted().sources())
    with_picture = html.replace("<body>", f'<body><img src="{picture.as_uri()}">')
    assert "Mật" not in read(forms_render.pdf(with_picture))
    weasyprint, fonts, faces = forms_render._printer()
    careless = weasyprint.HTML(string=with_picture).write_pdf(stylesheets=[faces], font_config=fonts)
    assert "Mật" in read(careless), "what would be seen if it were fetched"


@pytest.mark.parametrize("number", LAW)
@pytest.mark.parametrize("size", SIZES)
def test_long_names_and_thirty_documents_stay_on_the_paper(number: str, size: str) -> None:
    long = samples.SAMPLES[number](person=samples.LONG, documents=samples.THIRTY)
    html = page(number, long.sources(), size)
    weasyprint, fonts, faces = forms_render._printer()
    laid_out = weasyprint.HTML(string=html).render(stylesheets=[faces], font_config=fonts)
    seen = []
    for sheet in laid_out.pages:
        for box in sheet._page_box.descendants():
            if getattr(box, "text", None):
                seen.append(box.text)
                assert box.position_x + box.width <= sheet.width + 0.5, f"{box.text!r} runs off the paper"
                assert box.position_y + box.height <= sheet.height + 0.5, f"{box.text!r} runs off the paper"
    text = "".join(seen).replace(" ", "")
    assert "PhượngHoàngĐỏ" in text
    if number == "01":
        assert all(f"Vănbảnsố{n:02}" in text for n in range(1, 31))


@pytest.mark.parametrize("number", LAW)
def test_missing_optional_fields_leave_a_line_to_write_on_and_no_none(number: str) -> None:
    html = page(number, samples.SAMPLES[number](person=samples.BARE, documents=()).sources())
    assert "None" not in visible(html) and "Lò Văn Ỏn" in visible(html)
    if number in ("01", "02", "03"):
        assert html.count('class="field blank"') >= 3


REFUSED = {
    "01": (lambda: samples.Life(), "Điều 17(1)"),
    "02": (samples.accepted, "Điều 17(1)"),
    "03": (samples.accepted, "Điều 17(1)"),
    "04": (samples.accepted, "Điều 19(9)"),
    "05": (lambda: samples.Life(), "Điều 19(6)(7)"),
    "06": (lambda: samples.rejected(), "Điều 17(3)"),
}


@pytest.mark.parametrize("number", REFUSED)
def test_a_form_that_the_dossier_does_not_have_is_refused_with_its_article(number: str) -> None:
    life, article = REFUSED[number]
    with pytest.raises(forms.FormNotIssued) as refused:
        forms.fill(forms.FORMS[number], life().sources())
    assert refused.value.article == f"NĐ 61/2018, {article}"
    assert refused.value.form.number == number and refused.value.rule.endswith(".")


def test_a_result_on_the_spot_has_a_receipt_only_when_it_was_asked_for_but_is_in_the_register() -> None:
    at_once = samples.Life(on_the_spot=True).do(lifecycle.resolve_on_the_spot)
    with pytest.raises(forms.FormNotIssued, match=r"Điều 17\(4\)"):
        forms.fill(forms.FORMS["01"], at_once.sources())
    assert "Đã trả kết quả" in visible(page("06", at_once.sources()))
    asked_for = samples.Life(on_the_spot=True).do(lifecycle.resolve_on_the_spot, 0, True)
    assert "Nguyễn Thị Hường" in visible(page("01", asked_for.sources()))


def test_a_refusal_after_appraisal_has_the_same_slip_signed_by_the_head() -> None:
    refused = samples.accepted().do(lifecycle.reject, 5, "Đất đang có tranh chấp.", clock=False)
    text = visible(page("03", refused.sources()))
    assert "thông báo không giải quyết hồ sơ này" in text and "Đất đang có tranh chấp." in text
    assert "Thủ trưởng cơ quan" in text


def test_a_supplement_asked_for_at_intake_still_gives_the_receipt_its_first_promise() -> None:
    life = samples.Life().do(interruptions.request_supplement, 0.1, "Thiếu tờ khai")
    assert "Đề nghị nộp" not in visible(page("02", life.sources())), "no last day was set"
    life.do(interruptions.receive_supplement, 2)
    text = visible(page("01", life.sources()))
    assert "Thời gian nhận hồ sơ: 08 giờ 30 phút, ngày 13 tháng 10 năm 2021" in text
    rows = [(row.giver, row.taker) for row in handovers(life.sources())]
    assert rows == [
        ("Nguyễn Thị Hường", forms.DESK),
        (forms.DESK, "Nguyễn Thị Hường"),
        ("Nguyễn Thị Hường", forms.DESK),
    ]


def test_the_control_sheet_follows_the_dossier_from_hand_to_hand() -> None:
    rows = handovers(samples.returned().sources())
    office = samples.NAMES[samples.OFFICE]
    citizen = "Nguyễn Thị Hường"
    assert [(row.giver, row.taker, row.outcome) for row in rows] == [
        (citizen, forms.DESK, None),
        (forms.DESK, citizen, None),
        (citizen, forms.DESK, None),
        (forms.DESK, office, None),
        (office, forms.DESK, "Quá hạn"),
        (forms.DESK, citizen, "Trước hạn"),
    ]
    online = samples.Life(channel=Channel.ONLINE).do(lifecycle.accept, 0.1)
    (only,) = handovers(online.sources())
    assert only.note == "Tiếp nhận; nộp lúc 08 giờ 30 phút, ngày 11 tháng 10 năm 2021"


def test_only_the_citizens_copy_of_the_receipt_carries_the_secret() -> None:
    sources = samples.accepted().sources()
    assert "ABCDEFGHIJ" in page("01", sources, secret="ABCDEFGHIJ")
    office = visible(page("01", sources))
    assert "Mã tra cứu" not in office and "(Liên: lưu)" in office
    assert "(Liên: giao khách hàng)" in visible(page("01", sources, secret="ABCDEFGHIJ"))


RECEIPT = (
    "Bộ phận Tiếp nhận và Trả kết quả: Ủy ban nhân dân thành phố Sơn La", "Tiếp nhận hồ sơ của:", "Địa chỉ:",
    "Số điện thoại:", "Email:", "Nội dung yêu cầu giải quyết:", "1. Thành phần hồ sơ nộp gồm:", "2. Số lượng hồ sơ:",
    "3. Thời gian giải quyết hồ sơ theo quy định là:", "4. Thời gian nhận hồ sơ:",
    "5. Thời gian trả kết quả giải quyết hồ sơ:", "6. Đăng ký nhận kết quả tại:", "Vào Sổ theo dõi hồ sơ, Quyển số:",
    "một liên kèm theo Phiếu kiểm soát quá trình giải quyết hồ sơ",
)  # fmt: skip


def test_the_receipt_numbers_its_six_items_in_the_order_of_the_form() -> None:
    text = visible(page("01", samples.accepted().sources()))
    places = [text.index(item) for item in RECEIPT]
    assert places == sorted(places)
    assert "(2) Giấy chứng nhận đã cấp (bản gốc)" in read(forms_render.pdf(page("01", samples.accepted().sources())))


def test_the_supplement_slip_is_numbered_and_signed_by_the_one_who_guides() -> None:
    text = visible(page("02", samples.asked().sources()))
    assert "Số: 211011-0007/HDHS" in text
    assert "số điện thoại …………………… để được hướng dẫn./." in text
    assert "Người hướng dẫn" in text and "Người nộp hồ sơ" not in text
    assert "Số: 211011-0007/BPTNTKQ" in visible(page("03", samples.rejected().sources()))


def test_a_slip_of_2025_tells_the_fifteen_days_and_a_missing_form_its_article() -> None:
    life = samples.Life(first=datetime.datetime(2026, 11, 25, 8, 30, tzinfo=VIETNAM)).do(lifecycle.accept)
    with pytest.raises(forms.FormNotIssued) as refused:
        forms.fill(forms.FORMS["02"], life.sources())
    assert refused.value.article == "NĐ 118/2025, Điều 17(1)(c)"
    life.do(interruptions.request_supplement, 2, "Thiếu tờ khai")
    assert "trước khi hết ngày 14 tháng 12 năm 2026" in visible(page("02", life.sources()))


PLACES: list[tuple[tuple[str, ...], str | None]] = [
    (("Sở Tư pháp tỉnh Sơn La", "Ủy ban nhân dân tỉnh Sơn La"), "Sơn La"),
    (("Ủy ban nhân dân thị trấn Mộc Châu", "Ủy ban nhân dân huyện Mộc Châu"), "Mộc Châu"),
    (("Uỷ ban nhân dân phường 1", "Ủy ban nhân dân thành phố Sơn La"), "Phường 1"),
    (("Ban Quản lý dự án",), None),
]


@pytest.mark.parametrize(("line", "place"), PLACES)
def test_the_place_is_that_of_the_nearest_committee(line: tuple[str, ...], place: str | None) -> None:
    assert forms_text.place(line) == place


LIMITS: dict[str, Any] = {
    "05 ngày làm việc": Limit.working_days(5),
    "2,5 ngày làm việc": Limit.half_days(5),
    "1 ngày làm việc": Limit.half_days(2),
}


@pytest.mark.parametrize("text", LIMITS)
def test_limits_are_said_as_the_law_says_them(text: str) -> None:
    assert forms_text.limit_text(LIMITS[text]) == text


def test_months_and_days_are_written_as_offices_write_them() -> None:
    assert forms_text.long_day(datetime.date(2021, 2, 3)) == "ngày 03 tháng 02 năm 2021"
    assert forms_text.long_day(datetime.date(2021, 3, 13)) == "ngày 13 tháng 3 năm 2021"


def test_threads_of_a_web_process_print_the_same() -> None:
    html = page("02", samples.asked().sources())
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(forms_render.pdf, [html] * 8))) == 1


def test_without_the_systems_libraries_pdf_says_so_and_the_page_still_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    def unable() -> Any:
        raise forms_render.NoPrinter("cannot load library 'libpangoft2-1.0-0'")

    monkeypatch.setattr(forms_render, "_printer", unable)
    html = page("01", samples.accepted().sources())
    with pytest.raises(Problem) as refused:
        forms_views._printed(html)
    assert refused.value.status == 503 and "libpango" in refused.value.body["detail"]

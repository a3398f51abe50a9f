"""A spreadsheet of cameras is read line by line, whatever program wrote it."""

from __future__ import annotations

import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcam.importing import FileRefused, read_lines

TITLES = "Mã địa điểm;Tên camera;Vị trí;Luồng chính"


def test_lines_are_counted_as_the_spreadsheet_does_and_empty_ones_left_out() -> None:
    lines = read_lines(f"\ufeff{TITLES}\n\nCL;Cổng;gate;rtsp://a/b\n;;;\nCL;Sân;yard;rtsp://a/c\n".encode())
    assert [(line.number, line.values["name"]) for line in lines] == [(3, "Cổng"), (5, "Sân")]


def test_a_cell_may_hold_line_breaks_and_the_next_line_is_still_counted_right() -> None:
    lines = read_lines('site,name,placement,rtsp_url\nCL,"Cổng\nsố 1",gate,r\nCL,Sân,yard,r\n'.encode())
    assert [line.number for line in lines] == [2, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Tệp rỗng"),
        ("Mã địa điểm;Tên camera;Vị trí\n", "thiếu cột: luồng chính"),
        (f"{TITLES};Màu\n", "cột không biết: màu"),
        (f"{TITLES};Vị trí\n", "cột bị lặp"),
        (TITLES + "\n" + "CL;a;gate;r\n" * 2001, "nhiều nhất 2000 dòng"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        read_lines(text.encode())


def test_digits_in_a_workbook_stay_as_they_were_typed() -> None:
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.append([*TITLES.split(";"), "Mật khẩu"])
    book.active.append(["CL", "Cổng", "gate", "rtsp://a/b", 12345678])
    book.save(out)
    assert read_lines(out.getvalue())[0].values["password"] == "12345678"


@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", TITLES.encode() + b"\n"):
        try:
            read_lines(start + data)
        except FileRefused as refusal:
            assert str(refusal)

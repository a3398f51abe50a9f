"""A catalogue from CSV: the same document as from JSON, and errors by line and field."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from chassis.problems import field_errors
from dossier.catalogue_csv import by_line, read_csv
from dossier.catalogue_load import CatalogueSchema

UNITS = """\ufeffcode,legacy_code,name,level,parent,valid_from
H52,,Ủy ban nhân dân tỉnh Sơn La,province,,2018-06-21
H52.17,000.00.17.H52,"Sở Tư pháp, tỉnh Sơn La",province,H52,2018-06-21
"""
PROCEDURES = """code;name;field_code;field_name;unit_levels;online_level;limit_kind;limit_count;documents;valid_from
2.000488;Cấp phiếu;H52-LLTP;Lý lịch;province|district;4;working_days;10;Tờ khai|Bản sao;2018-06-21
"""


def test_units_with_commas_and_a_byte_order_mark() -> None:
    document, _ = read_csv(UNITS)
    loaded = CatalogueSchema().load(document)
    assert [unit["name"] for unit in loaded["units"]] == ["Ủy ban nhân dân tỉnh Sơn La", "Sở Tư pháp, tỉnh Sơn La"]
    assert loaded["units"][0]["parent"] is None


def test_procedures_with_semicolons_lists_and_limits() -> None:
    document, _ = read_csv(PROCEDURES)
    (procedure,) = CatalogueSchema().load(document)["procedures"]
    assert procedure["unit_levels"] == ["province", "district"]
    assert procedure["documents"] == ["Tờ khai", "Bản sao"]
    assert procedure["limit"]["count"] == 10


def test_errors_name_the_line_and_the_field() -> None:
    document, lines = read_csv(UNITS.replace(",province,H52,", ",ministry,H52,"))
    with pytest.raises(ValidationError) as wrong:
        CatalogueSchema().load(document)
    (said,) = by_line(field_errors(wrong.value.messages), lines)
    assert said.startswith("line 3: level: ")


def test_a_cell_over_several_lines_does_not_move_the_others() -> None:
    text = 'code,name,level,valid_from\nH52,"Ủy ban\nnhân dân",province,2018-06-21\nH52.17,Sở,x,2018-06-21\n'
    document, lines = read_csv(text)
    with pytest.raises(ValidationError) as wrong:
        CatalogueSchema().load(document)
    assert by_line(field_errors(wrong.value.messages), lines)[0].startswith("line 4: level")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "code,level,colour\nH52,province,red\n"])
def test_a_file_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read_csv(text)


def test_more_cells_than_columns_are_told() -> None:
    document, _ = read_csv("code,name,level,valid_from\nH52,Tỉnh,province,2018-06-21,surplus\n")
    with pytest.raises(ValidationError):
        CatalogueSchema().load(document)

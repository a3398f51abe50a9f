"""The simulated portal refuses what the real one refuses, and its chance is the same for the same seed."""

from __future__ import annotations

from typing import Any

import pytest

from infra.simulators.portal.api import Services
from infra.simulators.portal.book import Book
from infra.simulators.portal.faults import Fate

ITEM = {
    "MaHoSo": "H52.17-260302-0001",
    "MaTTHC": "2.000488",
    "TenTTHC": "Cấp Phiếu lý lịch tư pháp",
    "ChuHoSo": "Lò Văn An",
    "TrangThaiHoSo": "1",
    "KenhThucHien": "1",
    "NgayNopHoSo": "20260302090000",
    "DonViXuLy": "H52.17",
}


@pytest.fixture
def portal() -> Services:
    return Services(Book(":memory:"), Fate(1), "ioc", "right", [{"code": "2.000488", "name": "x"}])


def call(portal: Services, service: str, **body: Any) -> tuple[str, str]:
    session = portal.login({"username": "ioc", "password": "right"})["session"]
    said = portal.serve({"session": session, "service": service, **body})
    return str(said["error_code"]), said["message"]


def sync(portal: Services, updating: str, **changes: Any) -> tuple[str, str]:
    return call(portal, "DongBoHoSoMC", isUpdating=updating, data=[ITEM | changes])


def test_a_wrong_password_gets_no_session(portal: Services) -> None:
    assert "session" not in portal.login({"username": "ioc", "password": "wrong"})


def test_an_unknown_session_is_told_so(portal: Services) -> None:
    assert "hết hạn" in portal.serve({"session": "old", "service": "DongBoHoSoMC"})["message"]


def test_a_second_add_is_refused_and_an_update_of_nothing_too(portal: Services) -> None:
    assert "không tồn tại" in sync(portal, "True")[1]
    assert sync(portal, "False")[0] == "0"
    code, words = sync(portal, "False")
    assert code == "-3" and "đã tồn tại" in words
    assert sync(portal, "True", TrangThaiHoSo="2")[0] == "0"
    assert portal.book.came(ITEM["MaHoSo"])["statuses"] == ["1", "2"]


@pytest.mark.parametrize(
    "changes",
    [{"ChuHoSo": ""}, {"NgayNopHoSo": "02/03/2026"}, {"TrangThaiHoSo": "11"}, {"TenTTHC": "x" * 1001}],
)
def test_what_is_malformed_is_refused(portal: Services, changes: dict[str, str]) -> None:
    assert sync(portal, "False", **changes)[0] == "-3"
    assert portal.book.counts()["dossier"] == 0


def test_is_updating_is_a_word_and_no_truth_value(portal: Services) -> None:
    assert call(portal, "DongBoHoSoMC", isUpdating=False, data=[ITEM])[0] == "-3"


def test_progress_of_what_is_not_there_is_refused(portal: Services) -> None:
    line = {"MaHoSo": ITEM["MaHoSo"], "ThoiDiemXuLy": "20260302090000", "NoiDungXuLy": "Tiếp nhận"}
    assert call(portal, "CapNhatTienDoHoSoMC", data=[line])[0] == "-3"


def test_chance_is_the_same_for_the_same_seed() -> None:
    first, second, other = Fate(7), Fate(7), Fate(8)
    throws = [[fate.strikes(0.5) for _ in range(64)] for fate in (first, second, other)]
    assert throws[0] == throws[1] != throws[2]


@pytest.mark.parametrize("changes", [{"colour": 1}, {"away": "yes"}, {"refuse": []}])
def test_what_is_no_fault_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no fault"):
        Fate(1).set(changes)

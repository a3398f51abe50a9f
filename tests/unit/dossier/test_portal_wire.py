"""What the national portal is sent: dates, statuses, codes, supplements, bounded texts; and how its answers are read."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from dossier.calendars import unit_calendar
from dossier.domain import facts, interruptions, lifecycle
from dossier.domain.dossiers import Channel, Dossier, Terms
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit, LimitKind
from dossier.domain.outcome import Outcome
from dossier.domain.status import Status
from dossier.portal import Gate, back_off_s
from dossier.portal_client import Answer, Meaning, plain_http_elsewhere
from dossier.portal_reconcile import drift_of
from dossier.portal_wire import DONE, Codes, Line, Subject, moment, progress, progress_items, snapshot, sync_item, text

MONDAY = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)
CALENDARS = {"H52.17": unit_calendar()}
CODES = Codes({})
SUBJECT = Subject(
    code="H52.17-260302-0001",
    unit="H52.17",
    unit_name="Sở Tư pháp",
    agency="H52.17",
    procedure="2.000488",
    procedure_name="Cấp Phiếu lý lịch tư pháp",
    field_code="H52-LLTP",
    field_name="Lý lịch tư pháp",
    channel="online",
    filed_at=MONDAY,
    documents=["Tờ khai"],
    full_name="Lò Văn An",
    email=None,
    phone=None,
    identity_number="014085000123",
    synced=False,
)


def filed() -> Dossier:
    terms = Terms("2.000488", Limit(LimitKind.WORKING_DAYS, 10))
    return lifecycle.receive(SUBJECT.code, terms, "H52.17", Channel.ONLINE, MONDAY, CALENDARS).dossier


def accepted() -> Dossier:
    return lifecycle.accept(filed(), MONDAY, CALENDARS).dossier


def item(dossier: Dossier, history: list[Line] | None = None, codes: Codes = CODES) -> dict[str, object]:
    return sync_item(SUBJECT, snapshot(dossier), history or [], codes)


def test_times_are_written_in_the_time_of_vietnam_whatever_their_zone() -> None:
    assert moment(datetime.datetime(2026, 3, 1, 18, 5, 9, tzinfo=datetime.UTC)) == "20260302010509"
    assert moment("2026-03-02T09:00:00+07:00") == "20260302090000"
    assert moment(None) == ""


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_sent_as_what_it_is(status: Status) -> None:
    """5, 6 and 8 too: sent as 9 they would hide that the dossier is open."""
    assert item(dataclasses.replace(accepted(), status=status))["TrangThaiHoSo"] == str(int(status))


def test_the_promise_at_which_the_clock_stands_still_is_sent() -> None:
    promised = item(accepted())["NgayHenTra"]
    asked = interruptions.request_supplement(accepted(), MONDAY, CALENDARS, reason="Thiếu bản sao").dossier
    assert asked.due_at is None
    assert item(asked)["NgayHenTra"] == promised == "20260316090000"


def test_what_was_not_accepted_has_no_day_of_receipt_and_a_day_of_refusal() -> None:
    refused = lifecycle.reject(filed(), MONDAY, reason="Không thuộc thẩm quyền").dossier
    sent = item(refused)
    assert (sent["NgayTiepNhan"], sent["NgayTuChoi"], sent["NgayTra"]) == ("", "20260302090000", "")


def test_a_supplement_is_sent_with_both_dates() -> None:
    asked = Line("SupplementRequested", MONDAY, "huong", "H52.17", {"reason": "Thiếu bản sao", "previous_due_at": None})
    later = MONDAY + datetime.timedelta(days=1)
    dates = {"previous_due_at": "2026-03-16T09:00:00+07:00", "due_at": "2026-03-17T09:00:00+07:00"}
    came = Line("SupplementReceived", later, "huong", "H52.17", dates)
    (open_one,) = item(accepted(), [asked])["DanhSachHoSoBoSung"]  # type: ignore[misc]
    assert (open_one["TrangThaiBoSung"], open_one["NoiDungBoSung"]) == ("0", "Thiếu bản sao")
    (done,) = item(accepted(), [asked, came])["DanhSachHoSoBoSung"]  # type: ignore[misc]
    assert done["TrangThaiBoSung"] == "1"
    assert (done["NgayHenTraTruoc"], done["NgayHenTraMoi"]) == ("20260316090000", "20260317090000")


@pytest.mark.parametrize(("number", "kind"), [("014085000123", "1"), ("050123456", "2"), (None, None)])
def test_an_identity_number_is_sent_with_its_kind(number: str | None, kind: str | None) -> None:
    subject = dataclasses.replace(SUBJECT, identity_number=number)
    sent = sync_item(subject, snapshot(filed()), [], CODES)["DinhDanhCHS"]
    assert sent.get("LoaiDinhDanh") == kind


def test_codes_that_ops_entered_win_over_ours_and_over_the_defaults() -> None:
    entered = {("procedure", "2.000488"): "2.000488.000.00.00.H52", ("agency", "H52.17"): "000.00.17.H52"}
    sent = item(accepted(), codes=Codes(entered | {("channel", "online"): "9"}))
    assert (sent["MaTTHC"], sent["DonViXuLy"], sent["KenhThucHien"]) == ("2.000488.000.00.00.H52", "000.00.17.H52", "9")
    plain = item(accepted())
    assert (plain["MaTTHC"], plain["DonViXuLy"], plain["KenhThucHien"]) == ("2.000488", "H52.17", "2")


def test_texts_are_one_line_and_bounded() -> None:
    assert text("a\n\tb \x00c", 100).count("\n") == 0
    assert len(text("ấ" * 5000, 500)) == 500
    assert text(None, 10) == ""


def test_nothing_personal_stands_in_what_is_kept_for_sending() -> None:
    act = lifecycle.reject(filed(), MONDAY, reason="Ông Lò Văn An đã chết")
    kept = repr(snapshot(act.dossier)) + repr(progress(act.dossier, act.facts))
    assert "Lò Văn An" not in kept


def test_an_act_of_several_facts_is_told_step_by_step() -> None:
    terms = Terms("1.001193", Limit(LimitKind.HALF_DAYS, 1), on_the_spot=True)
    dossier = lifecycle.receive("x", terms, "H52.17", Channel.DIRECT, MONDAY, CALENDARS).dossier
    act = lifecycle.resolve_on_the_spot(dossier, MONDAY, CALENDARS)
    lines = progress_items(SUBJECT, progress(act.dossier, act.facts), "huong", {}, CODES)
    assert [line["TrangThai"] for line in lines] == ["2", "9", "10"]
    assert lines[0]["NoiDungXuLy"] == "Tiếp nhận hồ sơ và hẹn trả kết quả"


def test_warnings_and_proposals_stay_with_us() -> None:
    silent = (
        facts.DossierDueSoon(MONDAY),
        facts.DossierOverdue(MONDAY),
        facts.ApologyProposed(MONDAY, "a", "b", MONDAY),
    )
    assert progress(accepted(), silent) == []
    assert progress(accepted(), (*silent, facts.ResultReturned(MONDAY, Outcome.ON_TIME))) != []


def test_every_fact_is_either_told_or_left_out_on_purpose() -> None:
    left_out = {
        facts.ApologyProposed, facts.ApologyDeclined, facts.StepDueDateChanged, facts.DossierDueSoon,
        facts.DossierOverdue, facts.BreachForeseen, facts.StepDueSoon, facts.StepOverdue, facts.AnswerOverdue,
        facts.SupplementOverdue,
    }  # fmt: skip
    assert set(facts.Fact.__subclasses__()) == set(DONE) | left_out


@pytest.mark.parametrize(
    ("theirs", "drift"),
    [
        (None, "missing"),
        ({"TrangThaiHoSo": 2, "NgayHenTra": "20260316"}, None),
        ({"TrangThaiHoSo": "02", "NgayHenTra": "20260316090000"}, None),
        ({"TrangThaiHoSo": "1", "NgayHenTra": "20260316090000"}, "status"),
        ({"TrangThaiHoSo": "2", "NgayHenTra": "20260317"}, "due_date"),
        ({"TrangThaiHoSo": "2", "NgayHenTra": None}, "due_date"),
        ({}, "status"),
    ],
)
def test_drift_is_what_differs_and_not_how_it_is_written(theirs: dict[str, object] | None, drift: str | None) -> None:
    assert drift_of(accepted(), theirs, CODES)[0] == drift


def test_the_wait_doubles_and_is_bounded_and_never_the_same() -> None:
    waits = [back_off_s(tries, 5, 3600) for tries in range(40)]
    assert all(2.5 * 2**tries <= wait <= 5 * 2**tries for tries, wait in enumerate(waits[:9]))
    assert max(waits) <= 3600
    assert len({back_off_s(3, 5, 3600) for _ in range(20)}) > 1


def test_one_dossier_without_an_answer_closes_no_gate_and_three_do() -> None:
    gate = Gate(60)
    for _ in range(10):
        gate.learn("a", Answer(Meaning.UNCLEAR))
    assert gate.pause_s == 0
    gate.learn("b", Answer(Meaning.UNCLEAR))
    gate.learn("c", Answer(Meaning.UNCLEAR))
    assert gate.pause_s > 0 and gate.probing
    gate.learn("c", Answer(Meaning.REFUSED))
    assert not gate.probing


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://cong.example/vxp", False),
        ("http://127.0.0.1:8/x", False),
        ("http://cong.example", True),
        ("http://127.0.0.1.evil.example", True),
        ("ftp://127.0.0.1", True),
        ("", True),
    ],
)
def test_personal_data_cross_no_network_unprotected(url: str, refused: bool) -> None:
    assert plain_http_elsewhere(url) is refused

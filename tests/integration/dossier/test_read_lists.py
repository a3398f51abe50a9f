"""Lists, counts, worklists, deadlines and acts: what officers see, in which order, and what they do not see."""

from __future__ import annotations

import datetime

import pytest

from dossier.domain.instants import VIETNAM
from tests.integration.dossier.reading_world import READ, Desk

LAND, BIRTH, HOUSE = "1.004227", "1.001193", "1.005129"


def test_words_find_without_accents_and_what_is_written_so_comes_first(desk: Desk) -> None:
    exact = desk.file("Nguyễn Thị Hà")
    other = desk.file("Nguyễn Thị Hạ")
    plain = desk.file("Nguyen Thi Ha")
    desk.file("Trần Văn Bình")
    assert desk.codes("?q=thị hà") == [exact, plain, other], "newer ones without the accents come after"
    assert desk.codes("?q=THI HA") == [plain, other, exact]
    assert desk.codes("?q=nguyen th") == [plain, other, exact], "the last word may be unfinished"
    assert desk.codes(f"?q={other}") == [other], "a code"
    assert len(desk.codes("?q=lý lịch tư pháp")) == 4, "the procedure"
    assert desk.codes("?q=ha binh") == []


def test_pages_through_both_ranks_have_every_line_once(desk: Desk) -> None:
    codes = {desk.file(name) for name in ("Hà Một", "Ha Hai", "Hạ Ba", "Hà Bốn", "Hả Năm", "Hà Sáu", "Ha Bảy")}
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = desk("GET", f"/v1/dossiers?q=hà&limit=2{cursor and '&cursor=' + cursor}").json
        assert (page["counts"] is None) == bool(cursor), "counts come with the first page"
        seen += [item["code"] for item in page["items"]]
        cursor = page["next"]
    assert len(seen) == 7 and set(seen) == codes


def test_an_officer_reads_the_own_unit_those_below_it_and_where_a_step_is(desk: Desk) -> None:
    own = desk.file("A", LAND, "H52.21")
    below = desk.file("B", BIRTH, "H52.21.31")
    elsewhere = desk.file("C", BIRTH, "H52.22.31")
    assert desk.codes(unit="H52.21") == [below, own]
    assert desk.codes(unit="H52.21.31") == [below]
    assert desk.codes(unit="H52.18") == []
    desk.act(own, "accept")
    desk.act(own, "forward")
    assert desk.codes(unit="H52.18") == [own], "its step is there"
    assert desk("GET", f"/v1/dossiers/{own}", unit="H52.18").status_code == 200
    desk.act(own, "complete")
    assert desk.codes(unit="H52.18") == [own], "and was there"
    assert desk.codes(unit="H52") == desk.codes(unit="*") == [elsewhere, below, own]
    for path in ("", "/history", "/acts", "/deadline", "/files", "/receipt-secret"):
        refused = desk("GET", f"/v1/dossiers/{elsewhere}{path}", unit="H52.21")
        assert (path, refused.status_code) == (path, 403)
    assert desk("GET", "/v1/dossiers", scopes=["stats:read"]).status_code == 403


def test_a_dossier_with_steps_in_two_units_of_the_callers_is_one_line(desk: Desk) -> None:
    steps = [{"name": name, "unit": unit, "limit": {"kind": "working_days", "count": 2}}
             for name, unit in (("Một", "H52.22"), ("Hai", "H52.22.31"))]  # fmt: skip
    base = {"field_code": "H52-X", "field_name": "Thử", "unit_levels": ["province"], "online_level": 4}
    base |= {"limit": {"kind": "working_days", "count": 9}, "valid_from": "2018-06-21", "steps": steps}
    body = {"procedures": [{"code": "1.7", "name": "Liên thông"} | base]}
    assert desk("POST", "/v1/catalogue", unit="H52", scopes=["catalogue:write"], json=body).status_code == 200
    code = desk.file("A", "1.7", "H52.18")
    for act in ("accept", "forward", "forward"):
        desk.act(code, act)
    page = desk("GET", "/v1/dossiers", unit="H52.22").json
    assert [item["code"] for item in page["items"]] == [code] and page["counts"]["total"] == 1
    assert desk.codes("?q=liên thông", unit="H52.22") == [code]
    assert desk.codes(unit="H52.21") == []


def test_a_unit_filter_takes_the_units_below_and_never_widens_what_may_be_read(desk: Desk) -> None:
    own = desk.file("A", LAND, "H52.21")
    below = desk.file("B", BIRTH, "H52.21.31")
    desk.act(own, "accept")
    desk.act(own, "forward")
    assert desk.codes("?unit=H52.21", unit="*") == [below, own]
    assert desk.codes("?unit=000.00.21.H52", unit="*") == [below, own], "the older code of the same unit"
    assert desk.codes("?unit=H52.21", unit="H52.18") == [own], "by its step"
    assert desk.codes("?unit=H52", unit="H52.21.31") == [below]
    assert desk.codes("?unit=H52.22", unit="H52.21") == []
    assert desk("GET", "/v1/dossiers?unit=H52.77").json["errors"][0]["field"] == "unit"


def test_filters_narrow_and_counts_follow_them(desk: Desk) -> None:
    filed = desk.file("A")
    accepted = desk.file("B", channel="online")
    desk.act(accepted, "accept")
    stopped = desk.file("C", HOUSE, "H52.21")
    desk.act(stopped, "accept")
    desk.act(stopped, "stop", reason="Theo yêu cầu của cơ quan điều tra")
    everything = {"unit": "*"}
    assert desk.codes("?status=1&status=8", **everything) == [stopped, filed]
    assert desk.codes("?channel=online", **everything) == [accepted]
    assert desk.codes(f"?procedure={HOUSE}", **everything) == [stopped]
    assert desk.codes("?field=H52-LLTP", **everything) == [accepted, filed]
    assert desk.codes(f"?field=H52-LLTP&procedure={HOUSE}", **everything) == []
    assert desk.codes("?due_state=in_time", **everything) == [accepted, filed]
    later = (datetime.datetime.now(VIETNAM) + datetime.timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert desk.codes(f"?filed_from={later}", **everything) == []
    assert desk.codes(f"?due_from={later}&status=2", **everything) == [accepted]
    counts = desk("GET", "/v1/dossiers", **everything).json["counts"]
    assert counts["exact"] and counts["total"] == 3
    assert {row["status"]: row["dossiers"] for row in counts["by_status"] if row["dossiers"]} == {1: 1, 2: 1, 8: 1}
    assert counts["by_due_state"] == {"in_time": 2, "near_due": 0, "overdue": 0}
    assert desk("GET", "/v1/dossiers?q=b", **everything).json["counts"]["total"] == 1


def test_due_states_go_by_the_date_as_in_the_reports(desk: Desk) -> None:
    now = datetime.datetime.now(VIETNAM)
    long_ago, lately = desk.world.accepted(now - datetime.timedelta(days=60)) + desk.world.accepted(now)
    today = desk.file("Hôm nay")
    desk.act(today, "accept")
    at = now.replace(hour=0, minute=0, second=0, microsecond=0)
    desk.world.sql("UPDATE dossier SET due_at = %s WHERE code = %s", at, today)
    assert desk.codes("?due_state=overdue") == [long_ago]
    assert desk.codes("?due_state=near_due") == [today], "due today is not late at any hour"
    assert desk.codes("?due_state=in_time") == [lately]
    states = {item["code"]: item["due_state"] for item in desk("GET", "/v1/dossiers").json["items"]}
    assert states == {long_ago: "overdue", today: "near_due", lately: "in_time"}
    assert desk("GET", "/v1/dossiers").json["counts"]["by_due_state"] == dict.fromkeys(set(states.values()), 1)


def test_the_worklist_is_by_due_time_with_steps_in_the_unit_and_undated_last(desk: Desk) -> None:
    now = datetime.datetime.now(VIETNAM)
    (late,) = desk.world.accepted(now - datetime.timedelta(days=60), unit="H52.18", procedure=LAND)
    (soon,) = desk.world.accepted(now, unit="H52.18", procedure=LAND)
    (theirs,) = desk.world.accepted(now - datetime.timedelta(days=4), unit="H52.21", procedure=LAND)
    desk.act(theirs, "forward")
    waiting, done = desk.world.accepted(now, count=2, unit="H52.18", procedure=LAND)
    desk.act(waiting, "request-supplement", reason="Thiếu bản sao")
    desk.act(done, "stop", reason="Rút")
    items = desk("GET", "/v1/worklist", unit="H52.18", scopes=READ).json["items"]
    assert [item["code"] for item in items] == [late, theirs, soon, waiting]
    assert [item["step"] for item in items] == [False, True, False, False]
    assert items[1]["do_by"] < items[1]["due_at"], "the step's due time, not the dossier's"
    assert items[3]["do_by"] is None and items[3]["task"] == "Chờ công dân bổ sung"
    seen, cursor = [], ""
    while cursor is not None:
        page = desk("GET", f"/v1/worklist?limit=1{cursor and '&cursor=' + cursor}", unit="H52.18").json
        seen += [item["code"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [late, theirs, soon, waiting]
    assert theirs in [item["code"] for item in desk("GET", "/v1/worklist?unit=H52.21", unit="H52").json["items"]]
    assert desk("GET", "/v1/worklist?unit=H52.21", unit="H52.18").status_code == 403
    assert desk("GET", "/v1/worklist", unit="*").json["errors"][0]["field"] == "unit"


def test_acts_name_the_rule_and_the_article_of_each_that_is_refused(desk: Desk) -> None:
    code = desk.file("A")
    desk.act(code, "accept")
    desk.act(code, "request-supplement", reason="Thiếu")
    desk.act(code, "receive-supplement")
    told = desk("GET", f"/v1/dossiers/{code}/acts").json
    refused = {entry["act"]: entry for entry in told["refused"]}
    allowed = {entry["act"] for entry in told["allowed"]}
    assert refused["request-supplement"]["error"] == "SupplementAlreadyRequested"
    assert "Điều" in refused["request-supplement"]["article"] and refused["request-supplement"]["rule"]
    assert "complete" in allowed and allowed.isdisjoint(refused) and len(allowed) + len(refused) == 16
    assert told["may_act"] is True
    assert desk("GET", f"/v1/dossiers/{code}/acts", unit="H52").json["may_act"] is False, "a leader reads"
    broken = desk("POST", f"/v1/dossiers/{code}/request-supplement", json={"reason": "x"})
    assert broken.json["article"] == refused["request-supplement"]["article"], "the act itself says the same"


def test_a_deadline_explains_every_day(desk: Desk) -> None:
    filed = desk.file("A")
    before = desk("GET", f"/v1/dossiers/{filed}/deadline").json
    assert (before["state"], before["due_at"], before["explanation"]) == ("not_accepted", None, None)
    (code,) = desk.world.accepted(datetime.datetime(2021, 2, 8, 14, 0, tzinfo=VIETNAM))
    told = desk("GET", f"/v1/dossiers/{code}/deadline").json
    assert told["due_at"] == told["counted_due_at"] == "2021-03-01T14:00:00+07:00"
    assert told["limit"]["text"] == "10 ngày làm việc" and told["rule_set"] and "61/2018" in told["decree"]
    assert told["explanation"]["counted"] == told["explanation"]["total"] == 10
    assert any("Tết" in entry["text"] for entry in told["explanation"]["entries"])
    assert told["due_state"] == "overdue" and told["remaining"]["overdue"] and "quá hạn" in told["remaining"]["text"]
    desk.world.sql("UPDATE dossier SET due_at = due_at")
    desk.act(code, "stop", reason="Dừng")
    closed = desk("GET", f"/v1/dossiers/{code}/deadline").json
    assert (closed["state"], closed["remaining"], closed["due_state"]) == ("closed", None, None)


@pytest.mark.parametrize(
    ("limit", "received_at", "due_at"),
    [
        ({"kind": "working_days", "count": 3}, "2021-02-08T14:00:00+07:00", "2021-02-18T14:00:00+07:00"),
        ({"kind": "working_days", "count": 3}, "2024-04-26T10:00:00+07:00", "2024-05-04T10:00:00+07:00"),
        ({"kind": "working_hours", "count": 40}, "2021-10-29T15:30:00+07:00", "2021-11-05T15:30:00+07:00"),
        ({"kind": "none"}, "2021-10-29T15:30:00+07:00", None),
    ],
)
def test_what_if_answers_by_the_golden_vectors(
    desk: Desk, limit: dict[str, object], received_at: str, due_at: str | None
) -> None:
    body = {"limit": limit, "unit": "H52.17", "received_at": received_at}
    assert desk("POST", "/v1/deadline", json=body).json["due_at"] == due_at


def test_what_if_takes_pauses_and_tells_what_is_left(desk: Desk) -> None:
    body = {
        "procedure": "2.000488",
        "unit": "000.00.17.H52",
        "received_at": "2021-10-12T09:00:00+07:00",
        "intervals": [
            {
                "kind": "payment",
                "started_at": "2021-10-13T09:00:00+07:00",
                "ended_at": "2021-10-14T09:00:00+07:00",
            }
        ],
        "now": "2021-10-26T09:00:00+07:00",
    }
    told = desk("POST", "/v1/deadline", json=body).json
    assert told["due_at"] == "2021-10-27T09:00:00+07:00", "one working day later"
    assert (told["remaining"]["days"], told["remaining"]["hours"]) == (1, 8.0)
    open_pause = body | {"intervals": [{"kind": "other", "started_at": "2021-10-13T09:00:00+07:00"}]}
    assert desk("POST", "/v1/deadline", json=open_pause).json["state"] == "paused"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"procedure": "9.9"}, "procedure"),
        ({"unit": "H52.77"}, "unit"),
        ({"received_at": "2021-10-12T09:00:00"}, "received_at"),
        ({"received_at": "0001-01-01T00:00:00+14:00"}, "received_at"),
        ({"limit": {"kind": "working_days", "count": 3}}, "limit"),
        ({"procedure": None}, "limit"),
        ({"procedure": None, "limit": {"kind": "working_days", "count": 0}}, "limit.count"),
        ({"intervals": [{"started_at": "2021-10-12T09:00:00+07:00", "ended_at": "2020-01-01T00:00:00+07:00"}]},
         "intervals.0.ended_at"),
        ({"supplement_clock": "sometimes"}, "supplement_clock"),
        ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_bad_input_of_what_if_names_field_and_rule(desk: Desk, change: dict[str, object], field: str) -> None:
    body = {"procedure": "2.000488", "unit": "H52.17", "received_at": "2021-10-12T09:00:00+07:00"} | change
    answer = desk("POST", "/v1/deadline", json=body)
    assert answer.status_code == 422 and field in [error["field"] for error in answer.json["errors"]]
    assert all(error["rule"] for error in answer.json["errors"])


@pytest.mark.parametrize(
    "query",
    [
        "q=!!!", "q=" + "x" * 201, "status=11", "status=x", "channel=fax", "due_state=late", "limit=0", "limit=501",
        "cursor=abc", "cursor=WzEsIDIsIDNd", "cursor=WzAsICJ4IiwgInkiXQ", "filed_from=yesterday", "colour=red",
        "filed_from=2026-01-02T00:00:00Z&filed_to=2026-01-01T00:00:00Z", "unit=%00",
    ],
)  # fmt: skip
def test_bad_queries_are_never_our_fault(desk: Desk, query: str) -> None:
    for path in ("/v1/dossiers", "/v1/worklist"):
        assert desk("GET", f"{path}?{query}").status_code in (400, 422)


def test_from_before_the_first_day_on_is_from_the_first_dossier_on(desk: Desk) -> None:
    assert desk("GET", "/v1/dossiers?filed_from=0001-01-01T00:00:00%2B14:00").status_code == 200


def test_the_register_follows_every_change_in_its_transaction(desk: Desk) -> None:
    """Nobody writes the register but the trigger, so that an import or a recounting cannot forget it."""
    code = desk.file("A", LAND, "H52.21")
    for act in ("accept", "forward", "complete", "return-result"):
        desk.act(code, act)
        both = desk.world.sql(
            "SELECT d.status = l.status AND d.due_at IS NOT DISTINCT FROM l.due_at AND (s.code IS NULL OR"
            " d.status = s.status AND d.due_at IS NOT DISTINCT FROM s.due_at) AS alike, l.step_unit"
            " FROM dossier d JOIN register_line l USING (code) LEFT JOIN register_step s USING (code) WHERE code = %s",
            code,
        )  # fmt: skip
        assert [row.alike for row in both] == [True]
        assert (both[0].step_unit == "H52.18") == (act == "forward")


def test_sql_and_python_fold_words_alike(desk: Desk) -> None:
    from dossier.search_words import small_letters, without_accents

    alphabet = "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ"
    for text in (alphabet, alphabet.lower(), "A\u0300 a\u0323\u0302 Đ", "H52.17-211012-0001"):
        (row,) = desk.world.sql("SELECT without_accents(%s) AS plain, small_letters(%s) AS small", text, text)
        assert (row.plain, row.small) == (without_accents(text), small_letters(text))

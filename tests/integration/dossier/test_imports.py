"""Dossiers of other systems: replayed through the domain, whole or not at all, once, and resumed where they stopped."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis import paging
from dossier import acting, import_lines
from dossier import desk as live
from dossier.domain.dossiers import Channel
from dossier.domain.refusals import Act
from dossier.store import Person
from tests.integration.dossier.importing import act, finished, line, ndjson
from tests.integration.dossier.reading_world import Desk
from tests.integration.dossier.watching import AN, World

IMPORT = ["dossier:import"]
NDJSON = {"Content-Type": "application/x-ndjson"}


def post(desk: Desk, *lines: Any, source: str = "igate", unit: str = "*", **headers: str) -> Any:
    """The answer to an import of these lines."""
    return desk(
        "POST", f"/v1/imports?source={source}", unit=unit, scopes=IMPORT, data=ndjson(*lines), headers=NDJSON | headers
    )


def imported(desk: Desk, *lines: Any, **more: Any) -> Any:
    """The report of an import."""
    answer = post(desk, *lines, **more)
    assert answer.status_code == 201, answer.text
    return answer.json


def errors(report: Any) -> list[tuple[int, str]]:
    """Where the bad lines are wrong."""
    return [(each["line"], each["field"]) for each in report["errors"]]


def counts(report: Any) -> tuple[int, ...]:
    """Added, extended, unchanged, bad."""
    return tuple(report[name] for name in ("added", "extended", "unchanged", "bad"))


TABLES = ("dossier", "dossier_history", "outbox", "promise", "imported_dossier", "audit_entry")


def rows(world: World) -> dict[str, int]:
    """How many rows everything has that an import writes."""
    return {table: world.sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def test_a_history_is_replayed_with_its_own_times_and_nobody_is_told(desk: Desk) -> None:
    report = imported(desk, line("000.00.17.H52-211012-0001"))
    assert (counts(report), report["state"], report["errors"]) == ((1, 0, 0, 0), "finished", [])
    dossier = desk("GET", "/v1/dossiers/000.00.17.H52-211012-0001").json
    assert (dossier["status"], dossier["filed_at"]) == (10, "2021-10-12T09:00:00+07:00")
    assert dossier["due_at"] == "2021-11-03T08:30:00+07:00", "ten working days from the supplement (art. 19(4))"
    events = desk.world.sql("SELECT type, sequence, occurred_at, data, is_command FROM outbox ORDER BY id")
    assert [(row.type.split(".")[1], row.sequence) for row in events] == [
        ("received", 1), ("accepted", 2), ("supplement_requested", 3), ("supplement_received", 4), ("forwarded", 5),
        ("completed", 6), ("result_returned", 7),
    ]  # fmt: skip
    moments = ["2021-10-12T09:00:00+07:00", *(each["at"] for each in finished())]
    assert [row.occurred_at for row in events] == [datetime.datetime.fromisoformat(at) for at in moments]
    assert [json.loads(row.data)["at"] for row in events] == moments
    assert not any(row.is_command for row in events), "citizens are not told years later"
    history = desk("GET", "/v1/dossiers/000.00.17.H52-211012-0001/history").json
    assert [entry["status"] for entry in history] == [1, 2, 5, 2, 4, 9, 10]
    times = [datetime.datetime.fromisoformat(entry["at"]) for entry in history]
    assert times == [datetime.datetime.fromisoformat(at) for at in moments]
    assert history[4]["actor"] == "igate:Lò Thị Hương"


def test_an_import_leaves_what_the_same_acts_done_live_leave(desk: Desk) -> None:
    acts = [*finished()[:4], act("extend", "2021-11-01T08:00", reason="Chờ ý kiến", letter="Xin lỗi ông",
                                 due_at="2021-11-10T10:00:00+07:00")]  # fmt: skip
    read = import_lines.read(ndjson(line(acts=acts)).strip(), datetime.datetime.now(datetime.UTC))
    with desk.world.acting() as tx:
        code = live.file(tx, "2.000488", "H52.17", Channel.DIRECT, AN, read.filed_at).dossier.code
        for each in read.acts:
            live.act(tx, code, _verb(each), each.act.value, each.at)
    imported(desk, line("HS-7", acts))
    mine, theirs = (
        desk.world.sql("SELECT state - 'code' AS state, status, due_at, version FROM dossier WHERE code = %s", each)[0]
        for each in (code, "HS-7")
    )
    assert tuple(mine) == tuple(theirs)
    promises = "SELECT kind, promised_at, fires_at FROM promise WHERE code = %s ORDER BY kind"
    assert desk.world.sql(promises, code) == desk.world.sql(promises, "HS-7") != []
    facts = "SELECT type, sequence, data::jsonb - 'code' FROM outbox WHERE subject = %s AND NOT is_command ORDER BY id"
    assert [tuple(row) for row in desk.world.sql(facts, code)] == [tuple(row) for row in desk.world.sql(facts, "HS-7")]


def _verb(each: import_lines.PastAct) -> Any:
    return lambda dossier, at, calendars: acting.perform(each.act, dossier, at, calendars, each.body)


def test_the_same_line_again_changes_nothing_and_a_longer_one_appends(desk: Desk) -> None:
    assert counts(imported(desk, line(acts=finished()[:3]))) == (1, 0, 0, 0)
    before = rows(desk.world)
    assert counts(imported(desk, line(acts=finished()[:3]))) == (0, 0, 1, 0)
    assert rows(desk.world) == before
    assert counts(imported(desk, line())) == (0, 1, 0, 0)
    assert rows(desk.world)["outbox"] == before["outbox"] + 3
    sequences = [row.sequence for row in desk.world.sql("SELECT sequence FROM outbox ORDER BY id")]
    assert sequences == [1, 2, 3, 4, 5, 6, 7]
    fresh = desk.world.sql("SELECT status, version FROM dossier")[0]
    assert tuple(fresh) == (10, 7)


def test_a_file_may_tell_a_dossier_in_several_lines(desk: Desk) -> None:
    told = [line(acts=finished()[:count]) for count in (0, 2, 2, 6)]
    assert counts(imported(desk, *told)) == (1, 2, 1, 0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"procedure": "1.005129"}, "procedure"),
        ({"unit": "H52.18"}, "unit"),
        ({"channel": "online"}, "channel"),
        ({"filed_at": "2021-10-12T08:59:00+07:00"}, "filed_at"),
        ({"code": "HS-2"}, "code"),
        ({"applicant": {"full_name": "Nguyễn Văn Bình", "email": "an@example.com"}}, "applicant.full_name"),
        ({"acts": finished()[:2]}, "acts"),
        ({"acts": [act("accept", "2021-10-12T09:11"), *finished()[1:]]}, "acts.0"),
    ],
)
def test_a_line_that_contradicts_what_is_stored_is_refused(desk: Desk, more: dict[str, Any], field: str) -> None:
    imported(desk, line())
    before = rows(desk.world)
    report = imported(desk, line(**more))
    assert (counts(report), (1, field) in errors(report)) == ((0, 0, 0, 1), True)
    assert rows(desk.world) == before


BAD = {
    "line": [b"{", b"[]", b"null", b"7", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b"1" * 6000, b'"' + b"a" * 300_000],
    "source_code": [line(""), line(7), line("a" * 201), {k: v for k, v in line().items() if k != "source_code"}],  # type: ignore[arg-type]
    "code": [line(code="có cách"), line(code="a" * 65)],
    "procedure": [line(procedure="9.999999"), line(procedure=None)],
    "unit": [line(unit="H52.99"), line(unit="H52.21.31"), line(filed_at="2017-01-04T09:00:00Z")],
    "channel": [line(channel="pigeon")],
    "filed_at": [line(filed_at="2021-10-12"), line(filed_at="2021-10-12T09:00:00"),
                 line(filed_at="2999-01-01T00:00:00Z"), line(filed_at="0001-01-01T00:00:00+14:00")],
    "applicant": [line(applicant=[])],
    "applicant.full_name": [line(applicant={"full_name": "a\x00b"}), line(applicant={}), line(applicant={"full_name": "\ud800"})],
    "surplus": [line(surplus=1)],
    "acts": [line(acts={}), line(acts=[act("accept", "2021-10-12T09:10")] * 201)],  # type: ignore[arg-type]
    "acts.0": [line(acts=[7]), line(acts=[act("complete", "2021-10-12T09:10")])],  # type: ignore[list-item]
    "acts.0.act": [line(acts=[act("burn", "2021-10-12T09:10")]), line(acts=[act("propose-apology", "2021-10-12T09:10")])],
    "acts.0.at": [line(acts=[act("accept", "2021-10-12T08:59")]), line(acts=[{"act": "accept"}])],
    "acts.0.reason": [line(acts=[act("request-supplement", "2021-10-12T09:10")])],
    "acts.0.reson": [line(acts=[act("reject", "2021-10-12T09:10", reason="Sai", reson="?")])],
    "acts.1": [line(acts=[act("accept", "2021-10-12T09:10"), act("accept", "2021-10-12T09:11")])],
    "acts.1.at": [line(acts=[act("accept", "2021-10-12T09:10"), act("complete", "2021-10-12T09:09")])],
    "acts.1.letter": [line(acts=[act("accept", "2021-10-12T09:10"),
                                 act("extend", "2021-10-13T09:10", reason="Bận", due_at="2021-11-20T00:00:00Z")])],
    "acts.1.amount": [line(acts=[act("accept", "2021-10-12T09:10"), act("require-payment", "2021-10-12T09:11", amount=n)])
                      for n in (0, -1, 10**13, "x", None)],
}  # fmt: skip


def test_bad_lines_of_every_kind_are_named_by_line_and_field_and_the_good_ones_kept(desk: Desk) -> None:
    bad = [(field, each) for field, lines in BAD.items() for each in lines]
    report = imported(desk, line("good-1"), *(each for _, each in bad), line("good-2"))
    assert counts(report) == (2, 0, 0, len(bad))
    named = [(number, field) for number, (field, _) in enumerate(bad, 2)]
    found = desk("GET", f"/v1/imports/{report['id']}/errors?limit=500", unit="*", scopes=IMPORT).json["items"]
    missing = [each for each in named if each not in {(error["line"], error["field"]) for error in found}]
    assert missing == [], [error for error in found if error["line"] in {number for number, _ in missing}]
    assert all(error["rule"] and "Field" not in error["rule"] for error in found)


def test_a_history_that_breaks_the_decree_is_refused_with_its_article(desk: Desk) -> None:
    twice = [*finished()[:3], act("request-supplement", "2021-10-21T10:00", reason="Thiếu nữa")]
    (error,) = imported(desk, line(acts=twice))["errors"]
    assert (error["line"], error["field"]) == (1, "acts.3")
    assert "Điều 11(2)(c)" in error["rule"] and "một lần" in error["rule"]
    assert rows(desk.world)["dossier"] == 0


def test_only_the_dossiers_of_the_callers_unit_are_taken(desk: Desk) -> None:
    report = imported(desk, line("1"), line("2", unit="000.00.18.H52"), unit="H52.17")
    assert (counts(report), errors(report)) == ((1, 0, 0, 1), [(2, "unit")])
    assert desk("GET", f"/v1/imports/{report['id']}", unit="H52.18", scopes=IMPORT).status_code == 404
    assert desk("POST", "/v1/imports?source=a", scopes=["dossier:write"], data=b"", headers=NDJSON).status_code == 403


def test_open_dossiers_owe_their_promises_and_finished_ones_nothing(desk: Desk) -> None:
    now = datetime.datetime.now(datetime.UTC)
    fresh = line("open", filed_at=now.isoformat(), acts=[{"act": "accept", "at": now.isoformat()}])
    late = line("late", acts=[*finished()[:1], *finished()[3:5], act("return-result", "2022-03-01T08:00")])
    imported(desk, fresh, late, line("forgotten", acts=finished()[:1]))
    owed = {row.code for row in desk.world.sql("SELECT DISTINCT code FROM promise WHERE state = 'waiting'")}
    assert owed == {"open", "forgotten"}
    desk.world.run("scheduler")
    desk.world.wait_settled()
    assert [event["code"] for event in desk.world.said("overdue")] == ["forgotten"]


def test_the_same_key_and_body_is_answered_again_and_another_body_is_refused(desk: Desk) -> None:
    first = imported(desk, line(), **{"Idempotency-Key": "k"})
    again = imported(desk, line(), **{"Idempotency-Key": "k"})
    assert (again["id"], counts(again)) == (first["id"], (1, 0, 0, 0))
    for other in ([line("HS-2")], [line(), line("HS-2")], []):
        assert post(desk, *other, **{"Idempotency-Key": "k"}).status_code == 422
    assert post(desk, line(), source="other", **{"Idempotency-Key": "k"}).status_code == 422


def test_a_code_of_another_source_or_of_ours_is_not_taken_twice(desk: Desk) -> None:
    code = desk.file("Trần Thị Bé")
    imported(desk, line("a", code="X-1"))
    report = imported(desk, line("b", code="X-1"), line("c", code=code), source="other")
    assert (counts(report), errors(report)) == ((0, 0, 0, 2), [(1, "code"), (2, "code")])
    assert "igate" in report["errors"][0]["rule"]


def test_the_dossier_can_be_worked_at_and_its_citizen_is_told_from_then_on(desk: Desk) -> None:
    imported(desk, line(acts=finished()[:4]))
    desk.act("HS-1", "complete")
    commands = desk.world.sql("SELECT data FROM outbox WHERE is_command")
    assert [json.loads(row.data)["template"] for row in commands] == ["dossier_completed"]
    report = imported(desk, line())
    assert (counts(report), errors(report)) == ((0, 0, 0, 1), [(1, "acts.4.at")]), "our own act came later"


def test_every_act_of_the_desk_can_be_imported(desk: Desk) -> None:
    assert set(import_lines.IMPORTED.values()) == set(Act) - {
        Act.PROPOSE_APOLOGY, Act.APPROVE_APOLOGY, Act.DECLINE_APOLOGY,
    }  # fmt: skip
    paying = [
        act("accept", "2021-10-12T09:10"),
        act("require-payment", "2021-10-12T10:00", amount=50_000),
        act("record-payment", "2021-10-13T10:00", amount=50_000),
        act("stop", "2021-10-14T10:00", reason="Theo bản án"),
    ]
    spot = [act("resolve-on-the-spot", "2021-10-12T09:30")]
    lines = [
        line("1", paying),
        line("2", spot, procedure="1.001193", unit="H52.21.31"),
        line("3", [act("reject", "2021-10-12T09:30", reason="Không thuộc thẩm quyền")]),
        line("4", [act("accept", "2021-10-12T09:10"), act("withdraw", "2021-10-13T09:00")]),
    ]
    assert counts(imported(desk, *lines)) == (4, 0, 0, 0)
    found = [tuple(row) for row in desk.world.sql("SELECT code, status FROM dossier ORDER BY code")]
    assert found == [("1", 8), ("2", 10), ("3", 3), ("4", 7)]


def test_a_dossier_is_found_by_its_code_in_the_system_that_it_came_from(desk: Desk) -> None:
    imported(desk, line("a", code="X-1"), line("b", code="X-2"))
    imported(desk, line("a", code="Y-1"), source="other")
    assert desk.codes("?source=igate&source_code=a") == ["X-1"]
    assert desk.codes("?source=other&source_code=b") == []
    assert desk("GET", "/v1/dossiers?source=igate").status_code == 422
    assert desk.codes("?source=igate&source_code=a", unit="H52.18") == [], "found is not yet readable"


def test_a_line_that_the_database_refuses_stands_alone(desk: Desk) -> None:
    lines = [line(f"HS-{number}") for number in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        whole = import_lines.read

        def broken(text: bytes | None, now: datetime.datetime) -> import_lines.ImportLine:
            read = whole(text, now)
            refused = {"phone": "1" * 10, "full_name": "\x00"}  # what no check of ours has seen
            return dataclasses.replace(read, applicant=Person(**refused)) if read.source_code == "HS-13" else read

        patch.setattr(import_lines, "read", broken)
        report = imported(desk, *lines)
    assert (counts(report), errors(report)) == ((19, 0, 0, 1), [(14, "line")])
    assert desk.world.sql("SELECT count(*) FROM dossier_history")[0][0] == 19 * 7


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=400)
    | st.lists(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*line(), "code", "at", "act"]), inner, max_size=4)
    ), max_leaves=8).map(json.dumps).map(str.encode), max_size=4).map(b"\n".join),
    source=st.sampled_from(["igate", "", "a/b", "x" * 61, "1"]),
)  # fmt: skip
def test_arbitrary_bodies_never_give_a_server_error(desk: Desk, body: bytes, source: str) -> None:
    answer = desk(
        "POST", "/v1/imports", unit="*", scopes=IMPORT, query_string={"source": source}, data=body, headers=NDJSON
    )
    assert answer.status_code in (201, 422), answer.text
    if answer.status_code == 201:
        assert answer.json["added"] == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Content-Type": "application/json"}, 415), ({}, 415), (NDJSON | {"Idempotency-Key": "k" * 201}, 400)],
)
def test_a_request_that_is_no_import_is_refused(desk: Desk, headers: dict[str, str], status: int) -> None:
    answer = desk("POST", "/v1/imports?source=a", unit="*", scopes=IMPORT, data=ndjson(line()), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/v1/imports/999", f"/v1/imports/{10**30}", "/v1/imports/999/errors"])
def test_an_import_that_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    assert desk("GET", path, unit="*", scopes=IMPORT).status_code == 404


def test_errors_are_read_page_by_page(desk: Desk) -> None:
    report = imported(desk, *([b"{"] * 7))
    address = f"/v1/imports/{report['id']}/errors"
    first = desk("GET", f"{address}?limit=5", unit="*", scopes=IMPORT).json
    second = desk("GET", f"{address}?limit=5&cursor={first['next']}", unit="*", scopes=IMPORT).json
    assert [each["line"] for each in first["items"] + second["items"]] == [1, 2, 3, 4, 5, 6, 7]
    assert second["next"] is None
    for cursor in (
        "x",
        paging.encode([1]),
        paging.encode([1, "a"]),
        paging.encode([1, 10**30]),
        paging.encode([True, 1]),
    ):
        answer = desk("GET", f"{address}?cursor={cursor}", unit="*", scopes=IMPORT)
        assert answer.status_code == 422, cursor

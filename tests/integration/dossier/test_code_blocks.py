"""Blocks of codes: drawn from the numbers of live filing, used once, by their unit, on their day."""

from __future__ import annotations

import datetime
import json
import threading
from typing import Any

import pytest

from dossier import code_blocks
from dossier.domain.instants import local_day
from tests.integration.dossier.importing import line, ndjson
from tests.integration.dossier.reading_world import Desk


def today() -> datetime.date:
    return local_day(datetime.datetime.now(datetime.UTC))


def reserved(desk: Desk, count: int = 3, **body: Any) -> Any:
    """The answer to a reservation for H52.17 today."""
    return desk("POST", "/v1/code-blocks", json={"unit": "H52.17", "count": count} | body)


def block(desk: Desk, count: int = 3, **body: Any) -> Any:
    """A block that was reserved."""
    answer = reserved(desk, count, **body)
    assert answer.status_code == 201, answer.text
    return answer.json


def filed(desk: Desk, code: str, unit: str = "H52.17") -> Any:
    """The answer to a filing under a code."""
    body = {"procedure": "2.000488", "unit": unit, "applicant": {"full_name": "Lò Văn Páo"}, "code": code}
    return desk("POST", "/v1/dossiers", unit="*", json=body)


def number(code: str) -> int:
    return int(code.rpartition("-")[2])


def test_live_filing_goes_on_after_a_block(desk: Desk) -> None:
    first = desk.file("An")
    codes = block(desk)["codes"]
    last = desk.file("Bình")
    assert [number(code) for code in (first, *codes, last)] == [1, 2, 3, 4, 5]
    assert codes[0] == f"H52.17-{today():%y%m%d}-0002"


def test_a_block_may_be_given_by_either_code_of_the_unit_for_a_day_to_come(desk: Desk) -> None:
    day = today() + datetime.timedelta(days=7)
    made = block(desk, unit="000.00.17.H52", day=day.isoformat(), reason="Lưu động tại xã")
    assert (made["unit"], made["first_code"], made["count"]) == ("H52.17", f"H52.17-{day:%y%m%d}-0001", 3)
    assert filed(desk, made["first_code"]).status_code == 422, "the day in the code is that of receipt"


def test_numbers_go_on_past_9999(desk: Desk) -> None:
    desk.world.sql("INSERT INTO dossier_code_counter VALUES ('H52.17', %s, 9998)", today())
    assert [code.rpartition("-")[2] for code in block(desk)["codes"]] == ["9999", "10000", "10001"]


def test_a_code_of_a_block_is_used_once_by_its_unit(desk: Desk) -> None:
    made = block(desk)
    code = made["codes"][1]
    assert filed(desk, code, unit="H52.18").status_code == 422
    answer = filed(desk, code)
    assert (answer.status_code, answer.json["code"]) == (201, code)
    again = filed(desk, code)
    assert (again.status_code, again.json["errors"][0]["field"]) == (422, "code")
    assert desk("GET", f"/v1/code-blocks/{made['id']}").json["used"] == [code]


@pytest.mark.parametrize(
    "code",
    ["H52.17-{day}-0007", "H52.17-{day}-3", "H52.17-{day}-00002", "H52.17-{day}-0", "X", "H52.17-{day}-" + "9" * 40],
)
def test_a_code_that_was_not_reserved_is_refused(desk: Desk, code: str) -> None:
    block(desk)
    answer = filed(desk, code.format(day=f"{today():%y%m%d}"))
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "code")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"count": 0}, "count"), ({"count": 1001}, "count"), ({"count": "3"}, "count"), ({"unit": "H52.99"}, "unit"),
        ({"day": "2021-10-12"}, "day"), ({"day": "2999-01-01"}, "day"), ({"day": "x"}, "day"), ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_bad_reservation_names_its_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    answer = reserved(desk, **body)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_only_the_unit_itself_reserves_and_only_who_may_read_it_sees(desk: Desk) -> None:
    assert desk("POST", "/v1/code-blocks", unit="H52.18", json={"unit": "H52.17", "count": 1}).status_code == 403
    made = block(desk)
    assert desk("GET", f"/v1/code-blocks/{made['id']}", unit="H52.18").status_code == 404
    assert desk("GET", "/v1/code-blocks", unit="H52.18").json["items"] == []
    (seen,) = desk("GET", "/v1/code-blocks?unit=H52.17", unit="H52").json["items"]
    assert (seen["id"], seen["first_code"], seen["last_code"]) == (made["id"], made["codes"][0], made["codes"][-1])


def test_blocks_are_listed_page_by_page(desk: Desk) -> None:
    made = [block(desk)["id"] for _ in range(3)]
    first = desk("GET", "/v1/code-blocks?limit=2").json
    second = desk("GET", f"/v1/code-blocks?limit=2&cursor={first['next']}").json
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_the_same_key_reserves_once_and_it_is_audited(desk: Desk) -> None:
    body, key = {"unit": "H52.17", "count": 5}, {"Idempotency-Key": "k"}
    first, again = (desk("POST", "/v1/code-blocks", json=body, headers=key).json for _ in range(2))
    assert first == again
    assert desk.world.sql("SELECT object FROM audit_entry WHERE action = 'code_block.reserve'") == [
        (f"code_block/{first['id']}",)
    ]


def test_reservations_and_live_filing_at_once_never_give_a_code_twice(desk: Desk) -> None:
    given: list[str] = []
    lock = threading.Lock()

    def work(job: int) -> None:
        for turn in range(8):
            codes = [desk.file(f"Người {job} {turn}")] if (job + turn) % 2 else block(desk, 4)["codes"]
            with lock:
                given.extend(codes)

    desk.file("An")  # makes the keys of the callers
    block(desk, 1)
    threads = [threading.Thread(target=work, args=(job,)) for job in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == len(set(given)) == 16 + 16 * 4
    assert sorted(map(number, given)) == list(range(3, 3 + len(given))), "and none is left out"


def test_one_code_filed_by_two_at_once_makes_one_dossier(desk: Desk) -> None:
    (code,) = block(desk, 1)["codes"]
    filed(desk, "X")
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(filed(desk, code).status_code)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 422, 422, 422]


def imported(desk: Desk, *lines: Any) -> Any:
    """The report of an import."""
    return desk("POST", "/v1/imports?source=offline", unit="*", scopes=["dossier:import"], data=ndjson(*lines),
                headers={"Content-Type": "application/x-ndjson"}).json  # fmt: skip


def test_an_offline_desk_imports_under_its_codes_with_its_own_times(desk: Desk) -> None:
    made = block(desk)
    now = datetime.datetime.now(datetime.UTC)
    acts = [{"act": "accept", "at": now.isoformat()}]
    good = [line(f"giấy {n}", acts, code=code, filed_at=now.isoformat()) for n, code in enumerate(made["codes"])]
    assert imported(desk, *good)["added"] == 3
    assert desk("GET", f"/v1/code-blocks/{made['id']}").json["used"] == made["codes"]
    assert filed(desk, made["codes"][0]).status_code == 422
    assert number(desk.file("Live")) == 4


def test_an_import_may_not_use_a_code_of_ours_for_another_unit_or_day(desk: Desk) -> None:
    made, now = block(desk), datetime.datetime.now(datetime.UTC)
    day = f"{today():%y%m%d}"
    lines = [
        line("another unit", [], code=made["codes"][0], filed_at=now.isoformat(), unit="H52.18"),
        line("another day", [], code=made["codes"][1]),
        line("another day", [], code=f"H52.17-{day}-0044"),
        line("too far", [], code=f"H52.17-{day}-{10**12}", filed_at=now.isoformat()),
    ]
    report = imported(desk, *lines)
    assert [(each["line"], each["field"]) for each in report["errors"]] == [(n, "code") for n in (1, 2, 3, 4)]


def test_live_filing_passes_by_the_numbers_that_an_import_brought(desk: Desk) -> None:
    now, day = datetime.datetime.now(datetime.UTC), f"{today():%y%m%d}"
    codes = [f"H52.17-{day}-0002", f"H52.17-{day}-0003"]
    brought = [line(code, [], filed_at=now.isoformat()) for code in codes]
    assert imported(desk, *brought)["bad"] == 0
    assert number(desk.file("An")) == 4
    old = imported(desk, line("H52.17-211012-0009", []))
    assert old["added"] == 1
    assert desk.world.sql("SELECT count(*) FROM dossier_code_counter")[0][0] == 1, "past days are numbered no more"


def test_a_block_never_holds_a_number_twice(desk: Desk) -> None:
    with desk.world.acting() as tx:
        blocks = [code_blocks.reserve(tx, "H52.17", today(), 2, None, today()) for _ in range(2)]
    assert [(each.first_number, each.last_number) for each in blocks] == [(1, 2), (3, 4)]
    events = [json.loads(row.data) for row in desk.world.sql("SELECT data FROM outbox")]
    assert events == [], "a reservation is nobody else's business"

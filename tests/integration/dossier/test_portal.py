"""The national portal learns of every act: in order, once, through outages, kills, refusals and ended sessions."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dossier import settings
from dossier.domain import lifecycle
from dossier.domain.instants import VIETNAM
from dossier.domain.refusals import RuleBroken
from dossier.portal_client import Portal
from dossier.portal_reconcile import Daily, PortalAway
from dossier.settings import PortalSettings
from infra.local.stack import Stack
from tests.conditions import wait_until
from tests.integration.dossier.portal_world import OPEN, PASSWORD, PortalWorld, Simulator, switch_on
from tests.integration.dossier.watching import AN

NOW = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)  # a Monday
PATHS: dict[str, tuple[list[str], list[str]]] = {
    "to the end": (["accept", "forward", "complete", "return"], ["1", "2", "4", "9", "10"]),
    "refused at intake": (["reject"], ["1", "3"]),
    "waiting for papers": (["accept", "ask"], ["1", "2", "5"]),
    "papers came": (["accept", "ask", "supply", "complete"], ["1", "2", "5", "2", "9"]),
    "waiting for money": (["accept", "forward", "owe"], ["1", "2", "4", "6"]),
    "money came": (["accept", "owe", "pay", "complete", "return"], ["1", "2", "6", "4", "9", "10"]),
    "stopped": (["accept", "forward", "stop"], ["1", "2", "4", "8"]),
    "withdrawn": (["accept", "withdraw"], ["1", "2", "7"]),
    "refused after appraisal": (["accept", "forward", "reject", "return"], ["1", "2", "4", "9", "10"]),
}


@pytest.fixture
def world(template: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PortalWorld]:
    made = PortalWorld(template, tmp_path, Simulator(tmp_path).start())
    switch_on(monkeypatch, made.simulator.url)
    yield made
    made.close()
    settings.portal_switch.cache_clear()


def test_every_path_of_the_life_cycle_arrives_with_its_statuses(world: PortalWorld) -> None:
    codes = {name: world.do(world.file(NOW), NOW, *acts) for name, (acts, _) in PATHS.items()}
    world.adapter()
    world.wait_sent()
    came = {name: world.simulator.dossier(code)["statuses"] for name, code in codes.items()}
    assert came == {name: statuses for name, (_, statuses) in PATHS.items()}
    world.assert_the_portal_agrees()


def test_each_act_is_told_with_its_progress(world: PortalWorld) -> None:
    code = world.do(world.file(NOW, procedure="1.004227"), NOW, "accept", "forward")
    world.adapter()
    world.wait_sent()
    lines = world.simulator.dossier(code)["progress"]
    assert [(line["TrangThai"], line["NoiDungXuLy"]) for line in lines] == [
        ("1", "Hồ sơ được nộp"),
        ("2", "Tiếp nhận hồ sơ và hẹn trả kết quả"),
        ("4", "Chuyển hồ sơ đến đơn vị giải quyết: Thẩm định"),
    ]
    assert lines[-1]["PhongBanXuLy"] == "Sở Tài nguyên và Môi trường tỉnh Sơn La"
    assert lines[-1]["NguoiXuLy"] == "lò.thị.hương"


def test_a_recounted_due_date_arrives(world: PortalWorld) -> None:
    now = datetime.datetime.now(VIETNAM)
    (code,) = world.accepted(now)
    world.adapter()
    world.wait_sent()
    before = world.simulator.dossier(code)["item"]["NgayHenTra"]
    world.override(next(now.date() + datetime.timedelta(days=d) for d in (3, 4, 5) if _works(world, now, d)))
    world.run("scheduler", PORTAL_URL=world.simulator.url)
    wait_until(lambda: world.simulator.dossier(code)["item"]["NgayHenTra"] > before, "the later date")
    world.wait_sent()
    world.assert_the_portal_agrees()


def _works(world: PortalWorld, now: datetime.datetime, days: int) -> bool:
    return bool(world.calendar().day((now + datetime.timedelta(days=days)).date().toordinal()).windows)


def test_while_the_portal_is_away_the_acts_go_on_and_then_all_arrive_in_order_once(world: PortalWorld) -> None:
    world.simulator.kill()
    world.adapter()
    codes = [world.do(world.file(NOW), NOW, *PATHS["to the end"][0]) for _ in range(6)]
    wait_until(lambda: "the portal is away" in world.processes[-1].text, "the adapter having noticed")
    assert not world.sql("SELECT 1 FROM portal_delivery WHERE state IN ('sent', 'dead')")
    world.simulator.start()
    world.wait_sent()
    for code in codes:
        assert world.simulator.dossier(code)["statuses"] == PATHS["to the end"][1]
    world.assert_the_portal_agrees()


def test_an_outage_behind_a_living_address_kills_no_delivery(world: PortalWorld) -> None:
    world.simulator.faults(error_rate=1.0)
    world.adapter(PORTAL_ATTEMPTS="2")
    codes = [world.do(world.file(NOW), NOW, "accept") for _ in range(5)]
    wait_until(lambda: world.sql("SELECT 1 FROM portal_delivery WHERE tries >= 3"), "more tries than attempts")
    assert not world.sql("SELECT 1 FROM portal_delivery WHERE state = 'dead'")
    world.simulator.faults(away=True, error_rate=0.0)
    tried = world.sql("SELECT sum(tries) AS tries FROM portal_delivery")[0].tries
    world.simulator.control("expire")
    wait_until(lambda: "error_code='HTTP 503'" in world.processes[-1].text, "nobody being let in")
    assert not world.sql("SELECT 1 FROM portal_delivery WHERE state IN ('sent', 'dead')") and tried
    world.simulator.faults(away=False)
    world.wait_sent()
    assert [world.simulator.dossier(code)["statuses"] for code in codes] == [["1", "2"]] * 5


def test_an_ended_session_is_renewed_and_nothing_is_lost(world: PortalWorld) -> None:
    world.adapter(PORTAL_PARALLEL="1")
    code = world.file(NOW)
    world.wait_sent()
    world.simulator.control("expire")
    world.do(code, NOW, "accept")
    world.wait_sent()
    assert world.simulator.dossier(code)["statuses"] == ["1", "2"]
    assert world.simulator.get("counts")["calls"]["login"] == 2
    assert [row.tries for row in world.sql("SELECT tries FROM portal_delivery ORDER BY id")] == [1] * 4


def test_what_the_portal_holds_already_is_updated(world: PortalWorld) -> None:
    world.adapter()
    code = world.file(NOW)
    world.wait_sent()
    world.sql("UPDATE portal_dossier SET synced_at = NULL")
    world.do(code, NOW, "accept")
    world.wait_sent()
    assert world.simulator.dossier(code)["statuses"] == ["1", "2"]


def test_what_the_portal_has_lost_is_added_anew_by_the_next_act(world: PortalWorld) -> None:
    world.adapter()
    code = world.file(NOW)
    world.wait_sent()
    world.simulator.control(f"dossiers/{code}/forget")
    world.do(code, NOW, "accept")
    world.wait_sent()
    assert world.simulator.status(code) == "2"


def test_an_adapter_killed_between_call_and_record_leaves_no_wrong_state(world: PortalWorld) -> None:
    code = world.file(NOW)
    world.simulator.faults(stall={code: 1500})
    adapter = world.adapter()
    wait_until(lambda: world.simulator.status(code) == "1", "the portal having taken it")
    adapter.kill()
    assert world.sql("SELECT state FROM portal_delivery ORDER BY id")[0].state == "reserved"
    world.simulator.faults(stall={})
    world.do(code, NOW, "accept", "forward")
    world.adapter()
    world.move_clock("10 minutes")  # the reservation of the killed one ends
    world.wait_sent()
    assert world.simulator.dossier(code)["statuses"] == ["1", "1", "2", "4"], "repeated, in order, never left out"
    world.assert_the_portal_agrees()


def test_two_adapters_send_each_delivery_once(world: PortalWorld) -> None:
    codes = [world.do(world.file(NOW), NOW, *PATHS["money came"][0]) for _ in range(12)]
    first, second = world.start("portal", **world.account), world.start("portal", **world.account)
    first.wait_ready()
    second.wait_ready()
    world.wait_sent()
    for code in codes:
        assert world.simulator.dossier(code)["statuses"] == PATHS["money came"][1]
    assert {row.tries for row in world.sql("SELECT tries FROM portal_delivery")} == {1}


def test_a_refused_dossier_blocks_only_itself_until_ops_retry_it(world: PortalWorld) -> None:
    bad, good = world.file(NOW), world.file(NOW)
    world.simulator.faults(refuse={bad: "Mã thủ tục chưa được công bố"})
    for code in (bad, good):
        world.do(code, NOW, "accept")
    world.adapter(PORTAL_ATTEMPTS="3")
    wait_until(lambda: world.sql("SELECT 1 FROM portal_delivery WHERE state = 'dead'"), "the refused delivery dying")
    wait_until(lambda: world.simulator.status(good) == "2", "the other dossier")
    web = world.run("web")
    url, ops = f"http://127.0.0.1:{web.port}/v1/portal/deliveries", world.keys(["portal:manage"])
    (dead,) = requests.get(f"{url}?state=dead", headers=ops, timeout=10).json()["items"]
    assert (dead["code"], dead["failures"], dead["error"]) == (bad, 3, "Mã thủ tục chưa được công bố")
    assert world.simulator.dossier(bad)["item"] is None, "what comes after it waits"
    world.do(bad, NOW, "forward")  # what is owed after the death waits as well
    world.simulator.faults(refuse={})
    assert requests.post(f"{url}/{dead['id']}/retry", headers=ops, timeout=10).status_code == 204
    world.wait_sent()
    assert world.simulator.dossier(bad)["statuses"] == ["1", "2", "4"]


def test_a_delivery_that_cannot_even_be_written_dies_alone(world: PortalWorld) -> None:
    bad = world.file(NOW)
    world.sql("UPDATE portal_delivery SET content = '{}' WHERE code = %s AND service = 'DongBoHoSoMC'", bad)
    good = [world.file(NOW) for _ in range(3)]
    world.adapter(PORTAL_ATTEMPTS="2", PORTAL_PARALLEL="1")
    wait_until(lambda: all(world.simulator.status(code) == "1" for code in good), "the other dossiers")
    (dead,) = wait_until(
        lambda: world.sql("SELECT code, error_code FROM portal_delivery WHERE state = 'dead'"), "its death"
    )
    assert (dead.code, dead.error_code) == (bad, "unwritable")


def test_a_dossier_at_which_the_portal_breaks_dies_alone_while_others_are_taken(world: PortalWorld) -> None:
    bad = world.file(NOW)
    world.simulator.faults(breaks=[bad])
    world.adapter(PORTAL_ATTEMPTS="3")
    wait_until(
        lambda: world.sql("SELECT 1 FROM portal_delivery WHERE tries > 4"), "tries without anybody else's success"
    )
    assert not world.sql("SELECT 1 FROM portal_delivery WHERE state = 'dead'")

    def dead_while_others_arrive() -> Any:
        code = world.file(NOW)
        wait_until(lambda: world.simulator.status(code) == "1", "another dossier")
        return world.sql("SELECT 1 FROM portal_delivery WHERE state = 'dead' AND code = %s", bad)

    wait_until(dead_while_others_arrive, "the dossier at which the portal breaks dying")


def test_a_dead_delivery_that_is_given_up_lets_the_next_ones_go(world: PortalWorld) -> None:
    code = world.file(NOW)
    world.simulator.faults(refuse={code: "Sai"})
    world.adapter(PORTAL_ATTEMPTS="1")
    dead = wait_until(lambda: world.sql("SELECT id FROM portal_delivery WHERE state = 'dead'"), "the refusal")[0].id
    world.do(code, NOW, "accept")
    world.simulator.faults(refuse={})
    web, ops = world.run("web"), world.keys(["portal:manage"])
    url = f"http://127.0.0.1:{web.port}/v1/portal/deliveries/{dead}/drop"
    assert requests.post(url, headers=ops, json={}, timeout=10).status_code == 422, "not without a reason"
    # The progress of the filing is refused now, because the portal holds nothing: it dies and is given up as well.
    assert requests.post(url, headers=ops, json={"reason": "Cổng không nhận"}, timeout=10).status_code == 204
    next_one = wait_until(lambda: world.sql("SELECT id FROM portal_delivery WHERE state = 'dead'"), "the progress")[
        0
    ].id
    again = url.replace(f"/{dead}/", f"/{next_one}/")
    assert requests.post(again, headers=ops, json={"reason": "Cổng không nhận"}, timeout=10).status_code == 204
    world.wait_sent()
    assert world.simulator.dossier(code)["statuses"] == ["2"]


def test_codes_that_ops_enter_are_sent(world: PortalWorld) -> None:
    web, ops = world.run("web"), world.keys(["portal:manage"])
    url = f"http://127.0.0.1:{web.port}/v1/portal/mappings"

    def put(path: str, body: dict[str, str], headers: dict[str, str] = ops) -> int:
        return requests.put(f"{url}/{path}", json=body, headers=headers, timeout=10).status_code

    assert put("procedure/2.000488", {"theirs": "2.000488.000.00.00.H52"}) == 200
    assert put("agency/H52.17", {"theirs": "000.00.17.H52"}) == 200
    assert put("procedure/9.999999", {"theirs": "x"}) == 404
    assert put("colour/red", {"theirs": "x"}) == 404
    assert put("status/5", {"theirs": " "}) == 422
    assert put("status/5", {"theirs": "5"}, world.keys(["dossier:read"])) == 403
    code = world.file(NOW)
    world.adapter()
    world.wait_sent()
    item = world.simulator.dossier(code)["item"]
    assert (item["MaTTHC"], item["DonViXuLy"]) == ("2.000488.000.00.00.H52", "000.00.17.H52")
    listed = requests.get(url, headers=ops, timeout=10).json()["items"]
    assert [(row["kind"], row["ours"]) for row in listed] == [("agency", "H52.17"), ("procedure", "2.000488")]
    assert requests.delete(f"{url}/agency/H52.17", headers=ops, timeout=10).status_code == 204
    assert requests.delete(f"{url}/agency/H52.17", headers=ops, timeout=10).status_code == 404


def test_the_older_scheme_of_agency_codes_can_be_the_rule(world: PortalWorld) -> None:
    code = world.file(NOW)
    world.adapter(PORTAL_AGENCY_SCHEME="legacy")
    world.wait_sent()
    assert world.simulator.dossier(code)["item"]["DonViXuLy"] == "000.00.17.H52"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_portal_with_every_quirk_agrees_with_our_book_in_the_end(world: PortalWorld, seed: int) -> None:
    world.simulator.kill()
    world.simulator.seed = seed
    world.simulator.start()
    world.simulator.faults(error_rate=0.15, swallow_rate=0.15, slow_rate=0.05, slow_ms=300, session_calls=11)
    world.adapter(PORTAL_ATTEMPTS="50")
    codes = {}
    for name, (acts, _) in PATHS.items():
        codes[name] = world.do(world.file(NOW), NOW, *acts)
    world.wait_sent()
    world.assert_the_portal_agrees()
    for name, code in codes.items():
        came = world.simulator.dossier(code)["statuses"]
        once = [status for at, status in enumerate(came) if at == 0 or came[at - 1] != status]
        assert once == PATHS[name][1], f"{name}: out of order, {came}"


def test_drift_is_found_listed_and_mended(world: PortalWorld) -> None:
    lost, older, moved, right = (world.do(world.file(NOW), NOW, "accept") for _ in range(4))
    world.adapter()
    world.wait_sent()
    world.simulator.control(f"dossiers/{lost}/forget")
    world.simulator.control(f"dossiers/{older}/change", TrangThaiHoSo="1")
    world.simulator.control(f"dossiers/{moved}/change", NgayHenTra="20260401090000")
    *found, counts = world.command("reconcile", "--since", "2026-01-01")
    assert {row["code"]: row["drift"] for row in found} == {lost: "missing", older: "status", moved: "due_date"}
    assert {name: counts.get(name) for name in ("compared", "agree", "missing", "status", "due_date")} == {
        "compared": 4, "agree": 1, "missing": 1, "status": 1, "due_date": 1,
    }  # fmt: skip
    web, ops = world.run("web"), world.keys(["portal:manage"])
    drift = requests.get(f"http://127.0.0.1:{web.port}/v1/portal/drift?limit=2", headers=ops, timeout=10).json()
    assert len(drift["items"]) == 2 and drift["next"]
    assert not world.sql(OPEN), "without --mend nothing is sent"
    world.command("reconcile", "--since", "2026-01-01", "--mend")
    world.wait_sent()
    world.assert_the_portal_agrees()
    *found, counts = world.command("reconcile", "--since", "2026-01-01")
    assert found == [] and counts["agree"] == 4
    assert requests.get(f"http://127.0.0.1:{web.port}/v1/portal/drift", headers=ops, timeout=10).json()["items"] == []
    assert right


def test_what_is_still_owed_is_no_drift(world: PortalWorld) -> None:
    world.file(NOW)
    (counts,) = world.command("reconcile", "--mend")
    assert counts["pending"] == counts["compared"] == 1
    assert len(world.sql(OPEN)) == 2


def test_dossiers_from_before_the_portal_was_switched_on_are_sent_by_the_daily_comparison(
    world: PortalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(monkeypatch, "")
    codes = [world.do(world.file(NOW), NOW, "accept") for _ in range(3)]
    assert not world.sql("SELECT 1 FROM portal_delivery"), "nothing is owed while there is no portal"
    world.adapter(PORTAL_RECONCILE_HOUR="0")
    wait_until(lambda: all(world.simulator.status(code) == "2" for code in codes), "the daily comparison")
    world.wait_sent()
    world.assert_the_portal_agrees()
    (row,) = world.sql("SELECT requested_by, counts, finished_at FROM portal_reconciliation")
    assert row.requested_by == "system" and row.counts == {"missing": 3} and row.finished_at


def test_a_comparison_that_stopped_goes_on_where_it_stood_and_is_done_once_a_day(world: PortalWorld) -> None:
    codes = sorted(world.file(NOW) for _ in range(8))
    world.adapter()
    world.wait_sent()
    world.simulator.faults(session_calls=4)
    options = PortalSettings(
        url=world.simulator.url, username="ioc", password=PASSWORD, agency="H52", reconcile_hour=2, lookups_per_s=500
    )
    stopping = threading.Event()
    daily = Daily(world.database, Portal(options), options, stopping)
    at_night = datetime.datetime(2026, 3, 3, 1, 59, tzinfo=VIETNAM)
    morning = at_night + datetime.timedelta(minutes=2)
    assert not daily.once(at_night), "not before its hour"
    world.simulator.faults(away=True)
    with pytest.raises(PortalAway):
        daily.once(morning)
    world.simulator.faults(away=False)
    assert not daily.once(morning), "somebody may still be at it"
    world.move_clock("11 minutes")
    assert daily.once(morning)
    assert not daily.once(morning), "once a day"
    assert world.sql("SELECT counts FROM portal_reconciliation")[0].counts == {"agree": len(codes)}


def test_the_national_catalogue_is_read_and_compared(world: PortalWorld) -> None:
    with world.acting() as tx:
        tx.exec_driver_sql("UPDATE procedure SET name = 'Tên cũ' WHERE code = '1.001193'")
        values = ("procedure", "2.000488", "9.999999", "test")
        tx.exec_driver_sql(
            "INSERT INTO portal_mapping (kind, ours, theirs, changed_by) VALUES (%s, %s, %s, %s)", values
        )
    *different, counts = world.command("portal-procedures")
    assert {row["code"]: row["difference"] for row in different} == {"1.001193": "name", "2.000488": "missing"}
    assert counts["listed"] == 8
    assert world.sql("SELECT detail FROM portal_procedure WHERE code = '1.001193'")[0].detail["ThanhPhanHoSo"]


def test_no_log_line_and_no_row_kept_for_sending_names_anybody_or_holds_a_secret(world: PortalWorld) -> None:
    code = world.do(world.file(NOW), NOW, "accept", "ask")
    world.simulator.faults(session_calls=2, error_rate=0.2)
    world.adapter(LOG_LEVEL="debug", PORTAL_ATTEMPTS="50")
    world.wait_sent()
    assert world.simulator.dossier(code)["item"]["ChuHoSo"] == AN.full_name, "it was sent"
    kept = str(world.sql("SELECT content FROM portal_delivery")) + "".join(each.text for each in world.processes)
    for secret in (AN.full_name, str(AN.email), PASSWORD, "Thiếu bản sao", "session="):
        assert secret not in kept, secret


def test_an_address_without_https_stops_the_start(world: PortalWorld) -> None:
    process = world.start("portal", **(world.account | {"PORTAL_URL": "http://cong.example.vn"}))
    assert process.ended() == 78
    assert "PORTAL_URL: must be https" in process.text


def test_a_refused_act_owes_nothing(world: PortalWorld) -> None:
    code = world.do(world.file(NOW), NOW, "accept", "withdraw")
    before = len(world.sql("SELECT 1 FROM portal_delivery"))
    with pytest.raises(RuleBroken):
        world.act(code, lambda d, now, calendars: lifecycle.accept(d, now, calendars), NOW)
    assert len(world.sql("SELECT 1 FROM portal_delivery")) == before


def test_metrics_count_what_is_owed_sent_and_dead(world: PortalWorld) -> None:
    code = world.file(NOW)
    world.simulator.faults(refuse={code: "Sai"})
    adapter = world.adapter(PORTAL_ATTEMPTS="1")
    other = world.file(NOW)
    wait_until(lambda: world.simulator.dossier(other)["progress"], "the other dossier")
    wait_until(lambda: world.sql("SELECT 1 FROM portal_delivery WHERE state = 'dead'"), "the refusal")
    text = requests.get(f"http://127.0.0.1:{adapter.port}/metrics", timeout=10).text
    assert 'ioc_portal_sent_total{service="DongBoHoSoMC"} 1.0' in text
    assert 'ioc_portal_failed_total{meaning="refused",service="DongBoHoSoMC"} 1.0' in text
    assert 'ioc_portal_deliveries{state="dead"} 1.0' in text
    assert 'ioc_portal_deliveries{state="waiting"} 1.0' in text

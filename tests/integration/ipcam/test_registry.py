"""The registry over HTTP: sites by unit, cameras with ETags, import by line, discovery, maintenance."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from ipcam import discovery
from tests.integration.ipcam.simulated import PASSWORD
from tests.integration.ipcam.watching import SITE, World

TITLES = "Mã địa điểm,Tên camera,Vị trí,Luồng chính,Luồng phụ,Tài khoản,Mật khẩu"
GOOD = "CL-01,Cổng số {n},Cổng ra vào,rtsp://10.0.0.{n}/main,rtsp://10.0.0.{n}/sub,ioc,mat-khau-{n}"
AWAY = "rtsp://127.0.0.1:9/main"


def camera(**more: Any) -> dict[str, Any]:
    return {"site": "CL-01", "name": "Cổng", "placement": "gate", "rtsp_url": AWAY} | more


def rules(answer: Any) -> dict[str, str]:
    return {error["field"]: error["rule"] for error in answer.json["errors"]}


def test_a_unit_sees_its_own_sites_and_those_below_it(world: World) -> None:
    world.add_site(code="CL-02", unit="H52.22")
    world.add_site(code="CL-03", unit="H52.21.31")
    created = world.call("POST", "/v1/cameras", json=camera())

    def seen(unit: str) -> list[str]:
        return [site["code"] for site in world.call("GET", "/v1/sites", unit=unit).json["items"]]

    assert (seen("H52"), seen("H52.21"), seen("H52.2")) == (["CL-01", "CL-02", "CL-03"], ["CL-01", "CL-03"], [])
    path = created.headers["Location"]
    assert [world.call("GET", path, unit=unit).status_code for unit in ("H52", "H52.21", "H52.22")] == [200, 200, 404]
    assert world.call("GET", "/v1/cameras", unit="H52.22").json["items"] == []
    assert world.call("POST", "/v1/cameras", unit="H52.22", json=camera(name="Khác")).status_code == 422


def test_who_is_filmed_is_told_without_logging_in(world: World) -> None:
    world.add_site(code="CL-2", name="Khu <script>")
    notice = world.call("GET", "/v1/sites/CL-2/notice", unit=None)
    assert notice.status_code == 200 and "Khu &lt;script&gt;" in notice.text
    assert "không nhận dạng khuôn mặt" in notice.text
    assert "30 ngày" in notice.text and "90 ngày" in notice.text and SITE["operator_email"] not in notice.text
    assert world.call("GET", "/v1/sites/nowhere/notice", unit=None).status_code == 404


@pytest.mark.parametrize("place", ["inside_room", "bên trong nhà vệ sinh", "inside_bathroom"])
def test_a_forbidden_placement_is_refused_with_the_rule(world: World, place: str) -> None:
    answer = world.call("POST", "/v1/cameras", json=camera(placement=place))
    assert answer.status_code == 422
    assert "CV 4403/CV-BCĐ" in rules(answer)["placement"] and "Không được lắp camera" in rules(answer)["placement"]


def test_a_change_needs_the_newest_version_and_is_in_the_history_without_its_values(world: World) -> None:
    created = world.call("POST", "/v1/cameras", json=camera(credentials={"username": "ioc", "password": "cu"}))
    path, etag = created.headers["Location"], created.headers["ETag"]
    change = {"sub_url": "rtsp://127.0.0.1:9/sub", "credentials": {"username": "ioc", "password": "moi-va-bi-mat"}}
    assert world.call("PATCH", path, json=change).status_code == 428
    changed = world.call("PATCH", path, json=change, headers={"If-Match": etag})
    assert (changed.status_code, changed.json["sub_url"], changed.json["has_credentials"]) == (
        200,
        change["sub_url"],
        True,
    )
    assert world.call("PATCH", path, json=change, headers={"If-Match": etag}).status_code == 412
    camera_id = created.json["id"]
    line = world.history(camera_id)[-1]
    assert (line["kind"], line["data"]["fields"]) == ("changed", ["credentials", "sub_url"])
    assert "moi-va-bi-mat" not in changed.text + str(world.history(camera_id)) + str(
        world.rows("SELECT c::text FROM camera c")
    )


def test_a_removed_camera_is_gone_its_history_stays_and_its_name_is_free(world: World) -> None:
    created = world.call("POST", "/v1/cameras", json=camera())
    path, etag = created.headers["Location"], {"If-Match": created.headers["ETag"]}
    assert world.call("DELETE", path, headers=etag).status_code == 204
    assert world.call("GET", path).status_code == 404
    assert world.types(created.json["id"]) == ["camera_registered", "camera_removed"]
    kept = world.rows("SELECT kind FROM camera_line WHERE camera_id = %s ORDER BY id", created.json["id"])
    assert [row["kind"] for row in kept] == ["registered", "removed"]
    assert world.call("POST", "/v1/cameras", json=camera()).status_code == 201
    assert world.call("POST", "/v1/cameras", json=camera()).status_code == 409


def test_a_camera_is_asked_before_it_is_saved_where_that_is_wanted(world: World) -> None:
    account = {"username": "cam-003", "password": PASSWORD}
    found = world.call(
        "POST", "/v1/cameras/probe", json={"rtsp_url": world.cameras.url(3), "credentials": account}
    ).json
    assert (found["ok"], found["codec"], found["width"]) == (True, "h264", 640) and found["latency_ms"] > 0
    refused = world.call("POST", "/v1/cameras?require_answer=true", json=camera())
    assert (refused.status_code, rules(refused)) == (422, {"rtsp_url": "does not answer: refused"})
    saved = camera(rtsp_url=world.cameras.url(3), credentials=account)
    answer = world.call("POST", "/v1/cameras?require_answer=true", json=saved)
    assert (answer.status_code, answer.json["seen"]["codec"]) == (201, "h264")


def imported(world: World, text: str, query: str = "", kind: str = "text/csv") -> Any:
    data = text.encode() if isinstance(text, str) else text
    return world.call("POST", f"/v1/cameras/import{query}", data=data, content_type=kind)


def test_an_import_names_every_error_by_line_and_column_and_registers_nothing(world: World) -> None:
    lines = [
        TITLES,
        GOOD.format(n=1),
        "CL-99,Sân,Sân,rtsp://10.0.0.2/main,,ioc,x",
        "CL-01,Phòng 5,inside_room,http://10.0.0.3/,,,",
        "CL-01,Cổng số 1,Cổng ra vào,rtsp://u:p@10.0.0.4/main,,ioc,",
    ]
    answer = imported(world, "\n".join(lines))
    assert answer.status_code == 422
    wrong = {(fault["line"], fault["column"]) for fault in answer.json["lines"]}
    assert wrong == {
        (3, "mã địa điểm"),
        (4, "vị trí"),
        (4, "luồng chính"),
        (5, "luồng chính"),
        (5, "mật khẩu"),
        (5, "tên camera"),
    }
    assert "u:p@" not in answer.text
    assert world.rows("SELECT 1 FROM camera") == []


def test_a_dry_run_registers_nothing_and_the_import_after_it_everything(world: World) -> None:
    text = "\n".join([TITLES.replace(",", ";"), *(GOOD.format(n=n).replace(",", ";") for n in (1, 2, 3))])
    tried = imported(world, text, "?dry_run=true")
    assert (tried.status_code, tried.json) == (200, {"dry_run": True, "lines": 3, "registered": []})
    assert world.rows("SELECT 1 FROM camera") == []
    done = imported(world, text)
    assert (done.status_code, len(done.json["registered"])) == (201, 3)
    assert world.camera(done.json["registered"][2])["placement"] == "gate"
    again = imported(world, text)
    assert again.status_code == 422 and {fault["column"] for fault in again.json["lines"]} == {"tên camera"}


def test_a_workbook_is_read_like_a_csv_and_rubbish_is_refused(world: World) -> None:
    book = openpyxl.Workbook()
    book.active.append(TITLES.split(","))
    book.active.append(["CL-01", "Sảnh", "floor_lobby", "rtsp://10.0.0.9/main", None, "ioc", 123456])
    out = io.BytesIO()
    book.save(out)
    answer = imported(world, out.getvalue(), kind="application/octet-stream")  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    for rubbish in (b"", b"PK\x03\x04rubbish", b"\xff\xfe\x00", b"a,b\n1,2", "Tên camera".encode()):
        refused = imported(world, rubbish)  # type: ignore[arg-type]
        assert refused.status_code == 422, rubbish
    template_file = world.call("GET", "/v1/cameras/import/template.csv")
    assert imported(world, template_file.get_data(), "?dry_run=true").json["lines"][0]["column"] == "mã địa điểm"


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[str]:
    """One ONVIF device that answers discovery; its address."""
    address = world.cameras.onvif(3)
    answer = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><w:RelatesTo>{message}</w:RelatesTo></e:Header>'
        "<e:Body><d:ProbeMatches><d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:1</w:Address></w:EndpointReference>"
        f"<d:Scopes>onvif://www.onvif.org/name/Cong</d:Scopes><d:XAddrs>{address}</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    asked, sender = listener.recvfrom(65507)
                except OSError:
                    return
                message = asked.decode().split("MessageID>")[1].split("<")[0]
                listener.sendto(answer.format(message=message).encode(), sender)

        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setattr(discovery.discover, "__defaults__", (3.0, listener.getsockname(), None))
        yield address


def test_a_discovered_camera_says_what_it_is_and_whether_it_is_registered(world: World, device: str) -> None:
    found = world.call("POST", "/v1/cameras/discover", json={"wait_s": 0.5}).json["items"]
    assert found == [
        {"endpoint": "urn:uuid:1", "addresses": [device], "name": "Cong", "hardware": None, "camera": None}
    ]
    account = {"username": "cam-003", "password": PASSWORD}
    said = world.call("POST", "/v1/cameras/device", json={"onvif_url": device, "credentials": account})
    assert said.status_code == 200, said.text
    assert said.json["streams"][0]["url"] == world.cameras.url(3, "main")
    created = world.call("POST", "/v1/cameras", json=camera(onvif_url=device)).json["id"]
    assert world.call("POST", "/v1/cameras/discover", json={"wait_s": 0.5}).json["items"][0]["camera"] == created
    assert world.call("POST", "/v1/cameras/discover", json={"interface": "x"}).status_code == 422


def test_an_outage_longer_than_a_week_or_without_a_reason_is_refused(world: World) -> None:
    now = datetime.now(UTC)

    def plan(hours: float, reason: str = "Bảo trì") -> Any:
        times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=hours)).isoformat()}
        return world.call("POST", "/v1/maintenance", json={"site": "CL-01", "reason": reason} | times)

    assert "ends_at" in rules(plan(24 * 8)) and "ends_at" in rules(plan(-1)) and "reason" in rules(plan(1, "  "))
    planned = plan(1)
    assert planned.status_code == 201
    assert [one["id"] for one in world.call("GET", "/v1/maintenance").json["items"]] == [planned.json["id"]]
    assert world.call("GET", "/v1/maintenance", unit="H52.22").json["items"] == []

"""`python3 -m infra.simulators.portal` serves the simulated national portal on loopback: its services, a page that lists
what it holds, and the control of its faults."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, render_template_string, request

from infra.local.pages import application, serve
from infra.local.stack import ROOT
from infra.simulators.portal.api import Services
from infra.simulators.portal.book import Book
from infra.simulators.portal.faults import Fate

STATUSES = {
    "1": "Mới đăng ký",
    "2": "Được tiếp nhận",
    "3": "Không được tiếp nhận",
    "4": "Đang xử lý",
    "5": "Yêu cầu bổ sung giấy tờ",
    "6": "Yêu cầu thực hiện nghĩa vụ tài chính",
    "7": "Công dân yêu cầu rút hồ sơ",
    "8": "Dừng xử lý",
    "9": "Đã xử lý xong",
    "10": "Đã trả kết quả",
}
PAGE = """<!doctype html><html lang="vi"><meta charset="utf-8"><title>Cổng mô phỏng</title>
<style>body{font:15px/1.5 sans-serif;margin:2rem;color:#222}table{border-collapse:collapse}td,th{padding:.3rem .7rem;
border-bottom:1px solid #ddd;text-align:left;vertical-align:top}small{color:#666}</style>
<h1>Cổng Dịch vụ công mô phỏng</h1>
<p>{{ counts.dossier }} hồ sơ · {{ counts.status }} lần đồng bộ · {{ counts.progress }} dòng tiến độ.
{% if faults %}Lỗi đang bật: {{ faults }}.{% endif %}</p>
<table><tr><th>Mã hồ sơ<th>Thủ tục<th>Trạng thái<th>Hẹn trả<th>Đã qua<th>Tiến độ gần nhất</tr>
{% for row in rows %}<tr><td>{{ row.code }}<td>{{ row.item.TenTTHC }}<br><small>{{ row.item.MaTTHC }}</small>
<td>{{ row.item.TrangThaiHoSo }} {{ names.get(row.item.TrangThaiHoSo ~ "", "") }}<td>{{ row.item.NgayHenTra }}
<td>{{ row.statuses | join(" → ") }}<td>{{ (row.progress | last).NoiDungXuLy if row.progress }}</tr>{% endfor %}</table>
{% if next %}<p><a href="?after={{ next | urlencode }}">Trang sau</a></p>{% endif %}</html>"""
SHOWN = 200


def create_app(services: Services) -> Flask:
    """The portal's two addresses, its page, and what stands under /control."""
    app = application(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024

    @app.post("/mapi/login")
    def login() -> Response:
        if services.fate.faults.away:
            return Response("<h1>503 Service Unavailable</h1>", 503)
        return _json(services, services.login(_body()))

    @app.post("/mapi/g")
    def service() -> Response:
        return _served(services, _body())

    @app.get("/")
    def page() -> str:
        rows = services.book.listed(request.args.get("after", ""), SHOWN + 1)
        faults = {
            field.name: value
            for field in dataclasses.fields(services.fate.faults)
            if (value := getattr(services.fate.faults, field.name)) != field.default and value and field.name != "odd"
        }
        last = rows[SHOWN - 1]["code"] if len(rows) > SHOWN else None
        values = {"rows": rows[:SHOWN], "next": last, "names": STATUSES, "faults": faults}
        return render_template_string(PAGE, counts=services.book.counts(), **values)

    _control(app, services)
    return app


def _control(app: Flask, services: Services) -> None:
    @app.get("/control/dossiers")
    def dossiers() -> dict[str, Any]:
        return {
            "items": services.book.listed(request.args.get("after", ""), min(int(request.args.get("limit", 500)), 5000))
        }

    @app.get("/control/dossiers/<code>")
    def dossier(code: str) -> dict[str, Any]:
        return {"code": code, "item": services.book.item(code), **services.book.came(code)}

    @app.get("/control/counts")
    def counts() -> dict[str, Any]:
        return {"book": services.book.counts(), "calls": dict(services.calls)}

    @app.get("/control/faults")
    def faults() -> dict[str, Any]:
        return dataclasses.asdict(services.fate.faults)

    @app.post("/control/faults")
    def set_faults() -> tuple[dict[str, Any], int]:
        try:
            return dataclasses.asdict(services.fate.set(_body())), 200
        except ValueError as error:
            return {"error": str(error)}, 422

    @app.post("/control/expire")
    def expire() -> dict[str, Any]:
        _body()
        services.expire()
        return {}

    @app.post("/control/dossiers/<code>/forget")
    def forget(code: str) -> tuple[dict[str, Any], int]:
        _body()
        return {}, 200 if services.book.forget(code) else 404

    @app.post("/control/dossiers/<code>/change")
    def change(code: str) -> tuple[dict[str, Any], int]:
        return {}, 200 if services.book.change(code, _body()) else 404


def _body() -> dict[str, Any]:
    """A JSON object, sent as such: no page of elsewhere can make a browser send it."""
    body = request.get_json()
    if not isinstance(body, dict):
        abort(400)
    return body


def _served(services: Services, body: dict[str, Any]) -> Response:
    faults, fate = services.fate.faults, services.fate
    if faults.away:
        return Response("<h1>503 Service Unavailable</h1>", 503)
    data = body.get("data")
    codes = {str(item.get("MaHoSo")) for item in data if isinstance(item, dict)} if isinstance(data, list) else set()
    if codes & set(faults.breaks) or fate.strikes(faults.error_rate):
        return Response("<html>Internal Server Error</html>", 500)
    if fate.strikes(faults.slow_rate):
        time.sleep(faults.slow_ms / 1000)
    answer = services.serve(body)
    stall_ms = max((faults.stall.get(code, 0) for code in codes), default=0)
    if stall_ms:
        time.sleep(stall_ms / 1000)
    if fate.strikes(faults.swallow_rate):
        return Response("<html>Internal Server Error</html>", 500)
    return _json(services, answer)


def _json(services: Services, answer: dict[str, Any]) -> Response:
    mark = "\ufeff" if services.fate.faults.odd and services.fate.strikes(0.1) else ""
    return Response(mark + json.dumps(answer, ensure_ascii=False), 200, content_type="text/plain; charset=utf-8")


def main() -> None:
    """Serve until SIGTERM."""
    procedures = json.loads((ROOT / "infra" / "seed" / "province.json").read_text())["procedures"]
    path = os.environ.get("PORTAL_FILE", ":memory:")
    if path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    fate = Fate(int(os.environ.get("PORTAL_SEED", "1")))
    services = Services(Book(path), fate, os.environ["PORTAL_USERNAME"], os.environ["PORTAL_PASSWORD"], procedures)
    print(f"simulated national portal on port {os.environ['HTTP_PORT']}", flush=True)
    serve(create_app(services), int(os.environ["HTTP_PORT"]))


if __name__ == "__main__":
    main()

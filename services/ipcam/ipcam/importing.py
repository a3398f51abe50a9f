"""Reads cameras from CSV or Excel line by line: every error by line and column, and nothing is registered unless all is well."""

from __future__ import annotations

import csv
import dataclasses
import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from chassis.database import Tx
from chassis.problems import field_errors
from ipcam import registry, store
from ipcam.credentials import Safe
from ipcam.domain.placement import PlacementRefused, choose_placement
from ipcam.schemas import NewCamera

MOST_LINES = 2000
MOST_BYTES_UNPACKED = 50 * 1024 * 1024
#: The columns as the template names them, in Vietnamese, and as the API does; both are understood.
COLUMNS = {
    "mã địa điểm": "site",
    "tên camera": "name",
    "vị trí": "placement",
    "luồng chính": "rtsp_url",
    "luồng phụ": "sub_url",
    "onvif": "onvif_url",
    "giao thức": "transport",
    "tài khoản": "username",
    "mật khẩu": "password",
}
NEEDED = ("site", "name", "placement", "rtsp_url")
NAMES = {field: title for title, field in COLUMNS.items()}


class FileRefused(ValueError):
    """The file as a whole cannot be read."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """One error; `line` counts as the spreadsheet does, the titles are line 1."""

    line: int
    column: str
    rule: str


@dataclasses.dataclass(frozen=True)
class Line:
    """One camera as the file has it, by field."""

    number: int
    values: Mapping[str, str]


def read_lines(data: bytes) -> list[Line]:
    """The lines of a CSV (UTF-8; comma or semicolon) or XLSX file. Raises FileRefused."""
    rows = list(_xlsx(data) if data.startswith(b"PK\x03\x04") else _csv(data))
    if not rows:
        raise FileRefused("Tệp rỗng")
    titles = [COLUMNS.get(title.strip().casefold(), title.strip().casefold()) for title in rows[0][1]]
    unknown = [title for title in titles if title and title not in NAMES]
    missing = [NAMES[field] for field in NEEDED if field not in titles]
    if unknown or missing or len(set(filter(None, titles))) < len([title for title in titles if title]):
        wrong = [f"cột không biết: {', '.join(unknown)}"] if unknown else []
        wrong += [f"thiếu cột: {', '.join(missing)}"] if missing else []
        raise FileRefused("Dòng tiêu đề: " + ("; ".join(wrong) or "cột bị lặp"))
    lines = []
    for number, cells in rows[1:]:
        values = {title: cell.strip() for title, cell in zip(titles, cells, strict=False) if title and cell.strip()}
        if values:
            lines.append(Line(number, values))
    if len(lines) > MOST_LINES:
        raise FileRefused(f"Tệp có {len(lines)} dòng; nhiều nhất {MOST_LINES} dòng một lần")
    return lines


def check(tx: Tx, lines: list[Line]) -> tuple[list[tuple[Line, dict[str, Any]]], list[Fault]]:
    """The cameras that the lines describe, and everything that is wrong with them, in the order of the lines."""
    cameras, faults, sites = [], list[Fault](), dict[str, bool]()
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        camera, wrong = _camera(line)
        site, name = line.values.get("site", ""), line.values.get("name", "")
        if site and not _known(tx, sites, site):
            wrong.append(Fault(line.number, NAMES["site"], f"Không có địa điểm mã {site} trong phạm vi của đơn vị"))
        elif site and name and store.find_camera(tx, site, name) is not None:
            wrong.append(Fault(line.number, NAMES["name"], f"Địa điểm {site} đã có camera tên {name}"))
        if (site, name) in seen:
            wrong.append(Fault(line.number, NAMES["name"], f"Trùng với dòng {seen[site, name]}"))
        seen.setdefault((site, name), line.number)
        faults += wrong
        if camera is not None and not wrong:
            cameras.append((line, camera))
    return cameras, faults


def register_all(tx: Tx, cameras: list[tuple[Line, dict[str, Any]]], safe: Safe) -> list[str]:
    """Register them all; their ids."""
    return [registry.register(tx, camera, safe) for _, camera in cameras]


def _camera(line: Line) -> tuple[dict[str, Any] | None, list[Fault]]:
    values = dict(line.values)
    username, password = values.pop("username", None), values.pop("password", None)
    if username or password:
        values["credentials"] = {
            name: value for name, value in (("username", username), ("password", password)) if value
        }  # type: ignore[assignment]
    faults = []
    try:
        camera: dict[str, Any] | None = NewCamera().load(values)
    except ValidationError as error:
        camera = None
        for wrong in field_errors(error.messages):
            field = wrong["field"].split(".")[-1]
            faults.append(Fault(line.number, NAMES.get(field, field), wrong["rule"]))
    try:
        if "placement" in values:
            choose_placement(values["placement"])
    except PlacementRefused as error:
        faults.append(Fault(line.number, NAMES["placement"], str(error)))
    return camera, faults


def _known(tx: Tx, sites: dict[str, bool], code: str) -> bool:
    if code not in sites:
        try:
            store.get_site(tx, code, registry.unit())
            sites[code] = True
        except store.NoSuchSite:
            sites[code] = False
    return sites[code]


def _csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused("Tệp CSV phải ở bảng mã UTF-8") from None
    if "\x00" in text:
        raise FileRefused("Không phải tệp CSV hay XLSX")
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        number = 1
        for cells in reader:
            yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise FileRefused(f"Dòng {reader.line_num}: {error}") from None


def _xlsx(data: bytes) -> Iterator[tuple[int, list[str]]]:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST_BYTES_UNPACKED:
                raise FileRefused("Tệp XLSX quá lớn sau khi giải nén")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True, max_row=MOST_LINES + 1000), 1):
            yield number, [_text(cell) for cell in cells]
    except FileRefused:
        raise
    except Exception:  # whatever a stranger's archive makes the library raise
        raise FileRefused("Không đọc được tệp XLSX") from None


def _text(cell: object) -> str:
    """A cell as somebody typed it: a password of digits is no number."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

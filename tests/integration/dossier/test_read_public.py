"""What citizens see: the own dossier by code and secret, units and procedures; and the files, the import of catalogues."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from chassis import objects
from dossier import files_store, files_sweep, settings
from tests.integration.dossier.reading_world import READ, Desk

PDF = b"%PDF-1.7\n" + b"0" * 5000
NAME = {"Content-Disposition": "attachment; filename*=UTF-8''T%E1%BB%9D%20khai.PDF"}
ADMIN = {"unit": "H52", "scopes": ["catalogue:write"]}


def look_up(desk: Desk, code: str, secret: str, **more: Any) -> Any:
    return desk("POST", "/v1/lookup", unit=None, json={"code": code, "secret": secret}, **more)


def secret_of(desk: Desk, code: str) -> str:
    return str(desk("GET", f"/v1/dossiers/{code}/receipt-secret").json["secret"])


def test_a_citizen_sees_every_step_and_what_is_asked_until_when(desk: Desk) -> None:
    code = desk.file("Nguyễn Văn An")
    secret = secret_of(desk, code)
    desk.act(code, "accept")
    desk.act(code, "request-supplement", reason="Thiếu bản sao giấy tờ tùy thân", respond_by="2099-12-31")
    seen = look_up(desk, code, secret).json
    assert seen["status_name"] == "Yêu cầu bổ sung giấy tờ"
    assert seen["asked"] == {
        "what": "Bổ sung, hoàn thiện hồ sơ",
        "reason": "Thiếu bản sao giấy tờ tùy thân",
        "until": "2099-12-31",
    }
    assert [entry["text"] for entry in seen["history"]] == [
        "Hồ sơ được nộp",
        "Hồ sơ được tiếp nhận",
        "Yêu cầu bổ sung, hoàn thiện hồ sơ",
    ]
    desk.act(code, "receive-supplement")
    desk.act(code, "require-payment", amount=200_000)
    assert look_up(desk, code, secret).json["asked"]["amount"] == 200_000


def test_a_citizen_sees_no_officer_and_no_letter_that_is_not_approved(desk: Desk) -> None:
    code = desk.file("Nguyễn Văn An", "1.004227", "H52.21")
    desk.act(code, "accept")
    desk.act(code, "forward")
    secret = desk("GET", f"/v1/dossiers/{code}/receipt-secret", unit="*").json["secret"]
    desk.act(code, "propose-apology", reason="Chưa duyệt", letter="Bí mật", due_at="2099-01-05T09:00:00+07:00")
    text = look_up(desk, code, secret).text
    assert "Thẩm định" in text and "Sở Tài nguyên và Môi trường" in text, "the step and who does it"
    actors = {row.actor for row in desk.world.sql("SELECT actor FROM dossier_history WHERE code = %s", code)}
    for hidden in (*actors, "Chưa duyệt", "Bí mật", "Nguyễn Văn An"):
        assert hidden not in text


def test_an_unknown_code_and_a_wrong_secret_are_told_alike(desk: Desk) -> None:
    code = desk.file("A")
    answers = [look_up(desk, code, "AAAAAAAAAA"), look_up(desk, "H52.17-000000-0000", "AAAAAAAAAA")]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [{key: value for key, value in answer.json.items() if key != "instance"} for answer in answers]
    assert bodies[0] == bodies[1]
    assert look_up(desk, code, secret_of(desk, code)).status_code == 200


def bound(monkeypatch: pytest.MonkeyPatch, **bounds: int) -> None:
    """Few wrong ones a minute, so that none is given back while the test runs."""
    for name, per_minute in bounds.items():
        monkeypatch.setenv(name, str(per_minute))
    settings.lookup.cache_clear()


def test_wrong_secrets_lock_out_the_address_and_not_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, LOOKUP_FAILURES_PER_ADDRESS=3)
    code = desk.file("A")
    secret = secret_of(desk, code)
    assert [look_up(desk, code, "AAAAAAAAAA").status_code for _ in range(4)] == [404, 404, 404, 429]
    assert look_up(desk, code, secret).status_code == 429, "even with the right one"
    assert look_up(desk, code, secret, environ_overrides={"REMOTE_ADDR": "10.1.1.1"}).status_code == 200


def test_wrong_secrets_from_many_addresses_lock_the_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, LOOKUP_FAILURES_PER_CODE=3)
    code, other = desk.file("A"), desk.file("B")
    for number in range(3):
        look_up(desk, code, "AAAAAAAAAA", environ_overrides={"REMOTE_ADDR": f"10.1.2.{number}"})
    fresh = {"environ_overrides": {"REMOTE_ADDR": "10.1.3.1"}}
    assert look_up(desk, code, secret_of(desk, code), **fresh).status_code == 429
    assert look_up(desk, other, secret_of(desk, other), **fresh).status_code == 200


def test_look_ups_of_one_address_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, LOOKUPS_PER_MINUTE=3)
    code = desk.file("A")
    secret = secret_of(desk, code)
    assert [look_up(desk, code, secret).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_secret_is_for_officers_audited_and_stored_nowhere(desk: Desk) -> None:
    code = desk.file("A")
    path = f"/v1/dossiers/{code}/receipt-secret"
    assert desk("GET", path, scopes=READ).status_code == 403
    secret = secret_of(desk, code)
    (entry,) = desk.world.sql("SELECT object FROM audit_entry WHERE action = 'dossier.read-lookup-secret'")
    assert entry.object == f"dossier/{code}"
    look_up(desk, code, secret)
    for table in ("dossier", "dossier_history", "outbox", "audit_entry", "idempotency_key", "rate_bucket"):
        assert secret not in str(desk.world.sql(f"SELECT * FROM {table}"))


def test_the_log_of_a_lookup_names_neither_code_nor_secret(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = desk.file("A")
    secret = secret_of(desk, code)
    capsys.readouterr()
    look_up(desk, code, secret)
    look_up(desk, code, "WRONGWRONG")
    said = "".join(capsys.readouterr())
    assert secret not in said and "WRONGWRONG" not in said


def send(desk: Desk, code: str, body: bytes = PDF, **more: Any) -> Any:
    return desk("POST", f"/v1/dossiers/{code}/files", data=body, headers=NAME, **more)


def test_a_file_comes_back_as_it_was_to_be_saved_and_never_shown(desk: Desk) -> None:
    code = desk.file("A")
    added = send(desk, code)
    assert added.status_code == 201
    assert added.json["name"] == "Tờ khai.pdf" and added.json["sha256"] == hashlib.sha256(PDF).hexdigest()
    again = send(desk, code)
    assert (again.status_code, again.json["id"]) == (200, added.json["id"]), "the same file twice is one"
    got = desk("GET", added.headers["Location"], scopes=READ)
    assert got.data == PDF and got.headers["Content-Disposition"].startswith("attachment; ")
    assert got.headers["X-Content-Type-Options"] == "nosniff" and got.content_type == "application/pdf"
    actions = [row.action for row in desk.world.sql("SELECT action FROM audit_entry WHERE action LIKE '%%-file'")]
    assert sorted(actions) == ["dossier.add-file", "dossier.read-file"]


def test_a_file_inside_a_form_is_refused_with_how_to_send_it(desk: Desk) -> None:
    code = desk.file("A")
    form = {"file": (io.BytesIO(PDF), "don.pdf")}
    answer = desk("POST", f"/v1/dossiers/{code}/files", data=form, content_type="multipart/form-data")
    assert answer.status_code == 415
    assert "multipart" in answer.json["errors"][0]["rule"]


def test_files_belong_to_their_dossier_and_its_officers(desk: Desk) -> None:
    code, other = desk.file("A"), desk.file("B")
    file_id = send(desk, code).json["id"]
    assert desk("GET", f"/v1/dossiers/{other}/files/{file_id}").status_code == 404
    assert send(desk, code, unit="H52.18").status_code == 403
    assert send(desk, code, scopes=READ).status_code == 403
    assert desk("DELETE", f"/v1/dossiers/{code}/files/{file_id}", unit="H52").status_code == 403, "leaders only read"
    assert send(desk, "none").status_code == 404


def test_a_removed_file_is_gone_and_that_it_was_there_is_not_forgotten(desk: Desk, tmp_path: Path) -> None:
    code = desk.file("A")
    path = send(desk, code).headers["Location"]
    assert desk("DELETE", path).status_code == 204
    assert desk("DELETE", path).status_code == desk("GET", path).status_code == 404
    assert desk("GET", f"/v1/dossiers/{code}/files").json["items"] == []
    assert not [kept for kept in (tmp_path / "files").rglob("*") if kept.is_file()]
    (row,) = desk.world.sql("SELECT removed_by, sha256 FROM dossier_file")
    assert row.removed_by and row.sha256 == hashlib.sha256(PDF).hexdigest()


@pytest.mark.parametrize(("body", "status"), [(b"MZ\x90\x00" * 10, 415), (b"", 422), (b"%PDF-" * 5_000_000, 413)])
def test_what_is_no_document_is_refused_and_leaves_nothing(
    desk: Desk, tmp_path: Path, body: bytes, status: int
) -> None:
    code = desk.file("A")
    assert send(desk, code, body).status_code == status
    assert not [kept for kept in (tmp_path / "files").rglob("*") if kept.is_file()]


def on_disk(tmp_path: Path) -> list[Path]:
    return [kept for kept in (tmp_path / "files").rglob("*") if kept.is_file()]


def test_a_crash_before_the_commit_leaves_no_file_to_be_seen_and_no_bytes_for_ever(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    code = desk.file("A")
    with monkeypatch.context() as patched:
        patched.setattr(files_store, "kept", crash)
        assert send(desk, code).status_code == 500
    assert desk("GET", f"/v1/dossiers/{code}/files").json["items"] == []
    keep = objects.Folder(tmp_path / "files")
    assert (files_sweep.sweep(desk.world.database, keep), len(on_disk(tmp_path))) == (0, 1), "it may still be coming"

    desk.world.sql("UPDATE dossier_file SET added_at = added_at - interval '61 minutes'")

    assert (files_sweep.sweep(desk.world.database, keep), on_disk(tmp_path)) == (1, [])
    assert files_sweep.sweep(desk.world.database, keep) == 0
    assert desk("GET", f"/v1/dossiers/{code}/files").json["items"] == []
    with desk.world.database.transaction() as tx, pytest.raises(files_store.CutOff):
        files_store.kept(tx, desk.world.sql("SELECT id::text AS id FROM dossier_file")[0].id)


def test_what_was_being_received_an_hour_ago_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    keep = objects.Folder(tmp_path)
    old, new, foreign = (
        keep.folder() / name for name in (f"{objects.DRAFT}old", f"{objects.DRAFT}new", "draft-of-others")
    )
    for path in (old, new, foreign):
        path.write_bytes(b"x")
    for path in (old, foreign):
        os.utime(path, (time.time() - 3660, time.time() - 3660))

    files_sweep.clear_drafts(keep)

    assert sorted(path.name for path in keep.folder().iterdir()) == ["draft-of-others", f"{objects.DRAFT}new"]


def test_a_file_that_was_removed_while_the_store_was_away_goes_later(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise objects.StoreAway("timeout")

    code = desk.file("A")
    path = send(desk, code).headers["Location"]
    with monkeypatch.context() as patched:
        patched.setattr(objects.Folder, "remove", away)
        assert desk("DELETE", path).status_code == 204
    assert desk("GET", path).status_code == 404
    assert len(on_disk(tmp_path)) == 1

    assert files_sweep.sweep(desk.world.database, objects.Folder(tmp_path / "files")) == 1
    assert on_disk(tmp_path) == []


def test_units_and_procedures_are_open_to_everybody_and_may_be_kept(desk: Desk) -> None:
    both = [desk("GET", f"/v1/units/{code}", unit=None) for code in ("H52.17", "000.00.17.H52")]
    assert [answer.json["name"] for answer in both] == ["Sở Tư pháp tỉnh Sơn La"] * 2
    assert both[0].headers["Cache-Control"].startswith("public")
    same = desk("GET", "/v1/units/H52.17", unit=None, headers={"If-None-Match": both[0].headers["ETag"]})
    assert same.status_code == 304
    below = desk("GET", "/v1/units?parent=H52.22", unit=None).json["items"]
    assert [unit["code"] for unit in below] == ["H52.22.31"]
    procedure = desk("GET", "/v1/procedures/2.000488", unit=None).json
    assert procedure["limit"]["text"] == "10 ngày làm việc" and procedure["documents"]
    for path in ("/v1/units/H52.77", "/v1/procedures/9.9"):
        assert desk("GET", path, unit=None).status_code == 404


def test_procedures_are_found_without_accents_and_those_written_so_come_first(desk: Desk) -> None:
    base = {"field_code": "H52-X", "field_name": "Thử", "unit_levels": ["commune"], "online_level": 4}
    base |= {"limit": {"kind": "working_days", "count": 1}, "valid_from": "2018-06-21"}
    names = {"1.1": "Cap the can bo", "1.2": "Cấp thẻ cán bộ", "1.3": "Cấp thẻ căn bố"}
    body = {"procedures": [{"code": code, "name": name} | base for code, name in names.items()]}
    assert desk("POST", "/v1/catalogue", **ADMIN, json=body).status_code == 200

    def found(query: str) -> list[str]:
        return [item["code"] for item in desk("GET", f"/v1/procedures?{query}", unit=None).json["items"]]

    assert found("q=cap the can") == ["1.1", "1.2", "1.3"]
    assert found("q=cán bộ") == ["1.2", "1.1", "1.3"]
    first = desk("GET", "/v1/procedures?q=cán bộ&limit=1", unit=None).json
    assert [item["code"] for item in first["items"]] == ["1.2"]
    assert found(f"q=cán bộ&cursor={first['next']}") == ["1.1", "1.3"]
    assert found("field=H52-X&level=commune&online_level=4") == ["1.1", "1.2", "1.3"]
    assert found("field=H52-X&level=province") == []


def test_a_catalogue_is_all_or_nothing_and_names_every_error(desk: Desk) -> None:
    unit = {"name": "Thử", "level": "commune", "valid_from": "2018-06-21"}
    bad = {
        "units": [
            unit | {"code": "H52.90"},
            unit | {"code": "H52.91", "parent": "H52.99"},
            unit | {"code": "H52.92", "parent": "H52.93"},
            unit | {"code": "H52.93", "parent": "H52.92"},
            unit | {"code": "H52.94", "legacy_code": "000.00.17.H52"},
            unit | {"code": "H52.90"},
        ],
        "overrides": [{"day": "2026-01-01", "unit": "H52.99", "works": False, "reason": "Nghỉ"}],
    }
    answer = desk("POST", "/v1/catalogue", **ADMIN, json=bad)
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json["errors"]}
    assert fields == {
        "units.0.code", "units.5.code", "units.1.parent", "units.2.parent", "units.3.parent", "units.4.legacy_code",
        "overrides.0.unit",
    }  # fmt: skip
    assert desk("GET", "/v1/units/H52.90", unit=None).status_code == 404
    child_first = {"units": [unit | {"code": "H52.95.1", "parent": "H52.95"}, unit | {"code": "H52.95"}]}
    assert desk("POST", "/v1/catalogue", **ADMIN, json=child_first).json == {
        "units": 2, "procedures": 0, "overrides": 0,
    }  # fmt: skip
    assert desk("POST", "/v1/catalogue", json=child_first).status_code == 403, "only with the scope"
    assert desk.world.sql("SELECT 1 FROM audit_entry WHERE action = 'catalogue.load' AND actor LIKE 'key:%%'")


def test_a_version_that_dossiers_may_stand_on_never_changes_its_terms(desk: Desk) -> None:
    seed = json.loads(Path("infra/seed/province.json").read_text())
    assert desk("POST", "/v1/catalogue", **ADMIN, json=seed).status_code == 200, "the same again changes nothing"
    seed["procedures"][0]["limit"]["count"] += 1
    answer = desk("POST", "/v1/catalogue", **ADMIN, json=seed)
    assert [error["field"] for error in answer.json["errors"]] == ["procedures.0.version"]
    seed["procedures"][0]["version"] = 2
    assert desk("POST", "/v1/catalogue", **ADMIN, json=seed).status_code == 200
    assert desk("GET", "/v1/procedures/2.000488", unit=None).json["version"] == 2

"""The README's walk of one dossier does what it says, line by line as it stands there."""

from __future__ import annotations

import pathlib
import re
import subprocess

from tests.e2e.conftest import ROOT, Platform

WALK = re.compile(r"### The walk of one dossier\n.*?```sh\n(.*?)```", re.DOTALL)


def test_the_readme_walks_one_dossier_from_filing_to_result(platform: Platform, tmp_path: pathlib.Path) -> None:
    found = WALK.search((ROOT / "README.md").read_text())
    assert found
    walk = found[1].replace("18001", str(platform.port_base + 1)).replace('"$code.pdf"', f'"{tmp_path}/receipt.pdf"')
    done = subprocess.run(
        ["bash", "-eu", "-c", walk], cwd=ROOT, env=platform.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, papers = done.stdout.split("{", 1)
    accepted, asked, refused, received, extended, completed, returned = said.strip().splitlines()
    assert (accepted, asked, received) == ("Được tiếp nhận", "Yêu cầu bổ sung giấy tờ", "Được tiếp nhận")
    assert "một lần" in refused
    assert (extended, completed, returned) == ("Được tiếp nhận", "Đã xử lý xong", "Đã trả kết quả")
    assert (tmp_path / "receipt.pdf").read_bytes().startswith(b"%PDF-")
    assert "Ngày tiếp nhận không tính" in papers
    assert [
        fact in papers for fact in ("DossierReceived", "SupplementRequested", "DueDateExtended", "ResultReturned")
    ] == [True] * 4

"""`python -m dossier import`, and imports over a real connection: killed, resumed, run twice at once, never held whole."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local.processes import environment as environment_of
from infra.local.stack import ROOT
from tests.conditions import wait_until
from tests.integration.chassis.processes import Process
from tests.integration.dossier.importing import finished, line, ndjson
from tests.integration.dossier.watching import World

NDJSON = {"Content-Type": "application/x-ndjson"}


def written(world: World, *lines: Any) -> Path:
    """A file of these lines."""
    file = world.folder / "hồ-sơ.ndjson"
    file.write_bytes(ndjson(*lines))
    return file


def start(world: World, file: Path, *options: str, **environment: str) -> Process:
    """The command, under way; its log is what it says."""
    values = environment_of(world.stack, "dossier") | {
        "PYTHONPATH": str(ROOT / "services" / "dossier"),
        "DATABASE_URL": world.url,
    }
    job, log = " ".join(["import", str(file), *options]), world.folder / f"import-{next(world.numbers)}.log"
    process = Process("dossier", job, values | environment, log)
    world.processes.append(process)
    return process


def ended(process: Process) -> tuple[int, str]:
    """How a command ended, and what it said."""
    code = process.popen.wait(120)
    return code, process.log.read_text()


def run(world: World, file: Path, *options: str, **environment: str) -> tuple[int, str]:
    """The command, at its end."""
    return ended(start(world, file, *options, **environment))


def count(world: World, table: str) -> int:
    return int(world.sql(f"SELECT count(*) FROM {table}")[0][0])


def test_a_file_is_imported_and_its_bad_lines_are_named(world: World) -> None:
    file = written(
        world, line("1"), b"{", line("2"), line("3", [{"act": "complete", "at": "2021-10-12T10:00:00+07:00"}])
    )
    code, said = run(world, file, "--source", "igate")
    assert code == 1
    assert "thêm 2, nối tiếp 0, không đổi 0, lỗi 2" in said
    assert re.search(r"dòng 2: line: Không phải JSON", said) and re.search(
        r"dòng 4: acts\.0: .*Danh mục trạng thái", said
    )
    assert world.sql("SELECT DISTINCT actor LIKE 'shell:%%' FROM dossier_history WHERE fact = 'DossierReceived'") == [
        (True,)
    ]
    assert run(world, written(world, line("1")))[0] == 1, "the same dossier from another source"
    assert run(world, written(world, line("1")), "--source", "igate")[0] == 0


def test_the_report_of_bad_lines_goes_to_a_file(world: World) -> None:
    report = world.folder / "lỗi.ndjson"
    code, said = run(world, written(world, *([b"{"] * 150), line("1")), "--errors", str(report))
    assert (code, "dòng 7" in said) == (1, False)
    assert [json.loads(each)["line"] for each in report.read_text().splitlines()] == list(range(1, 151))


def test_a_rehearsal_says_the_same_and_keeps_nothing(world: World) -> None:
    code, said = run(world, written(world, line("1"), b"{"), "--dry-run")
    assert (code, "thêm 1, nối tiếp 0, không đổi 0, lỗi 1" in said, "dòng 2: line" in said) == (1, True, True)
    for table in ("dossier", "outbox", "import_run", "import_error", "promise", "dossier_code_counter"):
        assert count(world, table) == 0, table


def test_only_one_units_dossiers_are_taken_where_told_so(world: World) -> None:
    code, said = run(world, written(world, line("1"), line("2", unit="H52.18")), "--unit", "H52.17")
    assert (code, "thêm 1, nối tiếp 0, không đổi 0, lỗi 1" in said) == (1, True)


def test_killed_in_the_middle_it_goes_on_where_it_stopped(world: World) -> None:
    lines = [b"{" if number == 3 else line(f"HS-{number}") for number in range(400)]
    file = written(world, *lines)
    process = start(world, file, IMPORT_BATCH="10")
    wait_until(lambda: world.sql("SELECT 1 FROM import_run WHERE lines >= 40"), "some lines being done", 60)
    os.kill(process.pid, signal.SIGKILL)
    process.popen.wait(10)
    (stopped,) = world.sql("SELECT lines, added, bad, state FROM import_run")
    assert stopped.lines < 400 and stopped.added == count(world, "dossier") == stopped.lines - 1
    assert count(world, "outbox") == 7 * stopped.added, "each dossier whole or not at all"
    code, said = run(world, file, IMPORT_BATCH="100")
    assert (code, f"tiếp tục sau dòng {stopped.lines}" in said, "dòng 4: line" in said) == (1, True, True)
    assert [tuple(row) for row in world.sql("SELECT lines, added, unchanged, bad, state FROM import_run")] == [
        (400, 399, 0, 1, "finished")
    ]
    assert (count(world, "dossier"), count(world, "outbox")) == (399, 7 * 399)
    sequences = "SELECT 1 FROM outbox GROUP BY subject HAVING array_agg(sequence ORDER BY id) <> '{1,2,3,4,5,6,7}'"
    assert world.sql(sequences) == []


def test_another_file_does_not_go_on_from_where_one_was_stopped(world: World) -> None:
    process = start(world, written(world, *(line(f"HS-{n}") for n in range(400))), IMPORT_BATCH="10")
    wait_until(lambda: world.sql("SELECT 1 FROM import_run WHERE lines >= 10"), "some lines being done", 60)
    os.kill(process.pid, signal.SIGKILL)
    process.popen.wait(10)
    code, said = run(world, written(world, line("HS-0"), line("new")))
    assert (code, "tiếp tục" in said, "không đổi 1" in said) == (0, False, True)


def test_the_same_file_twice_at_once_makes_each_dossier_once(world: World) -> None:
    file = written(world, *(line(f"HS-{number}") for number in range(150)))
    both = [start(world, file, IMPORT_BATCH="10") for _ in range(2)]
    assert [ended(each)[0] for each in both] == [0, 0]
    assert (count(world, "dossier"), count(world, "outbox")) == (150, 7 * 150)
    assert world.sql("SELECT sum(added), sum(added + unchanged) FROM import_run") == [(150, 300)]


def test_different_sources_at_once_do_not_hinder_one_another(world: World) -> None:
    files = []
    for source in ("a", "b"):
        file = world.folder / f"{source}.ndjson"
        file.write_bytes(ndjson(*(line(f"{source}-{number}", finished()[:2]) for number in range(100))))
        files.append(start(world, file, "--source", source, IMPORT_BATCH="7"))
    assert [ended(each)[0] for each in files] == [0, 0]
    assert count(world, "dossier") == 200


def peak_kib(world: World, file: Path) -> int:
    """The most memory that the command held."""
    process = start(world, file, IMPORT_BATCH="50")
    _, status, usage = os.wait4(process.pid, 0)
    process.popen.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_file(world: World) -> None:
    small = world.folder / "small.ndjson"
    small.write_bytes(ndjson(line("1")))
    large = world.folder / "large.ndjson"
    with large.open("wb") as file:
        for number in range(300):
            file.write(b'{"n": %d, "x": "%s"}\n' % (number, b"x" * 200_000))
        file.write(b"y" * 40_000_000 + b"\n")
        file.write(ndjson(line("2")))
    grown = peak_kib(world, large) - peak_kib(world, small)
    assert count(world, "dossier") == 2, "read to its end"
    assert grown < 30_000, f"{grown} KiB more for 100 MB"


class Chunks:
    """A body that is sent piece by piece over one connection, and may break off."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.putrequest("POST", "/v1/imports?source=igate")
        for name, value in (headers | NDJSON | {"Transfer-Encoding": "chunked"}).items():
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def send(self, piece: bytes) -> None:
        self.connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))

    def answer(self) -> Any:
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_body_is_worked_at_while_it_comes_and_goes_on_after_a_broken_connection(world: World) -> None:
    web = world.run("web", IMPORT_BATCH="10")
    who = world.keys(["dossier:import"], unit="*") | {"Idempotency-Key": "nightly"}
    person = {"full_name": "Nguyễn Văn An", "address": "x" * 500}
    body = ndjson(*(line(f"HS-{number}", finished()[:1], applicant=person) for number in range(200)))
    broken = Chunks(web.port, who)
    broken.send(body[: len(body) // 2])
    wait_until(lambda: count(world, "dossier") >= 10, "the first half being worked at", 60)
    number = world.sql("SELECT id FROM import_run")[0].id
    assert _shown(web, who, number)["state"] == "running"
    rival = requests.post(
        f"http://127.0.0.1:{web.port}/v1/imports?source=igate", body, headers=who | NDJSON, timeout=60
    )
    assert (rival.status_code, rival.headers["Retry-After"]) == (409, "5")
    broken.connection.close()
    wait_until(lambda: _shown(web, who, number)["state"] == "interrupted", "the import being left", 60)
    kept = count(world, "dossier")
    again = Chunks(web.port, who)
    for place in range(0, len(body), 1000):
        again.send(body[place : place + 1000])
    again.connection.send(b"0\r\n\r\n")
    status, report = again.answer()
    assert (status, report["id"], report["state"], report["lines"]) == (201, number, "finished", 200)
    assert (report["added"], report["unchanged"], count(world, "dossier")) == (200, 0, 200)
    assert kept < 200


def _shown(web: Process, who: dict[str, str], number: int) -> Any:
    return requests.get(f"http://127.0.0.1:{web.port}/v1/imports/{number}", headers=who, timeout=10).json()


@pytest.mark.parametrize("tail", [b"zz\r\n", b"5\r\nabc", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n"])
def test_chunks_that_are_none_are_no_error_of_ours(world: World, tail: bytes) -> None:
    web = world.run("web")
    sent = Chunks(web.port, world.keys(["dossier:import"], unit="*"))
    sent.send(ndjson(line("1")))
    sent.connection.send(tail)
    sent.connection.sock.shutdown(1)
    with contextlib.suppress(http.client.HTTPException, ConnectionError):
        assert sent.answer()[0] < 500, web.log.read_text()
    wait_until(lambda: not world.sql("SELECT 1 FROM import_run WHERE state = 'running'"), "the import being left")
    assert "Traceback" not in web.log.read_text()


def test_a_body_over_the_limit_is_refused_and_what_came_before_is_kept(world: World) -> None:
    web = world.run("web", IMPORT_LIMIT_BYTES="20000", IMPORT_BATCH="5")
    who = world.keys(["dossier:import"], unit="*")
    body = ndjson(*(line(f"HS-{number}", []) for number in range(200)))
    answer = requests.post(
        f"http://127.0.0.1:{web.port}/v1/imports?source=igate", body, headers=who | NDJSON, timeout=60
    )
    assert answer.status_code == 413

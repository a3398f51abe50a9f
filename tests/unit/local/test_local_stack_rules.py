"""Rules of the local stack that need no server: where it lives, what it runs, what a service may do at the broker."""

import re
import shlex
import stat
import tomllib
from pathlib import Path

import pytest

from infra.local import processes, rabbitmq, venv
from infra.local.passwords import Passwords
from infra.local.progress import Refused
from infra.local.stack import LAST_OFFSET, OFFSETS, ROOT, SERVICES, Stack
from infra.local.supervision import Program


@pytest.fixture(autouse=True)
def no_choice_from_outside(monkeypatch):
    for name in ("STATE", "PORT_BASE", "IOC_PROCESSES", "LOG_FORMAT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stack(tmp_path):
    stack = Stack.chosen(str(tmp_path / "s"), 28000)
    stack.create()
    return stack


def may(service, right, name):
    return re.search(rabbitmq.permissions(service)[right], name) is not None


def test_no_two_things_of_a_stack_share_a_port():
    offsets = [*OFFSETS.values(), *(process.offset for process in processes.PROCESSES)]

    assert len(offsets) == len(set(offsets))
    assert max(offsets) <= LAST_OFFSET


def test_a_stack_remembers_its_ports(stack):
    assert Stack.chosen(str(stack.state)).port_base == 28000


def test_ports_that_the_stack_does_not_have_are_not_spoken_of(stack):
    stack.refuse_other_ports()
    with pytest.raises(Refused, match="28000 on, not 29000"):
        Stack.chosen(str(stack.state), 29000).refuse_other_ports()


@pytest.mark.parametrize("state", [str(ROOT), "/", ".", str(ROOT.parent), "/tmp/" + "x" * 90])
def test_a_state_folder_that_would_swallow_the_repository_or_is_too_long_is_refused(state):
    with pytest.raises(Refused):
        Stack.chosen(state, 28000)


@pytest.mark.parametrize("port_base", ["eighteen", "80", "65500"])
def test_impossible_ports_are_refused(monkeypatch, tmp_path, port_base):
    monkeypatch.setenv("PORT_BASE", port_base)
    with pytest.raises(Refused):
        Stack.chosen(str(tmp_path / "s"))


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(Refused):
        Stack.chosen(str(tmp_path), 28000).create()


def test_passwords_differ_stay_the_same_and_are_private(tmp_path):
    path = tmp_path / "passwords.json"

    first, second = Passwords(path).of("postgresql", "dossier"), Passwords(path).of("rabbitmq", "dossier")

    assert first != second
    assert Passwords(path).of("postgresql", "dossier") == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_notify_reads_commands_to_notify():
    assert may("notify", "read", "notify.commands")
    assert not any(may(service, "read", "notify.commands") for service in SERVICES if service != "notify")


def test_any_service_sends_commands_and_reads_events_but_writes_only_its_own_events():
    for service in SERVICES:
        assert may(service, "write", "notify.commands")
        assert may(service, "read", "dossier.events")
        assert may(service, "configure", "dossier.events")
        assert may(service, "write", "dossier.events") == (service == "dossier")
        assert may(service, "read", "dossier.replays")
        assert may(service, "configure", "dossier.replays")
        assert may(service, "write", "dossier.replays") == (service == "dossier")


def test_nobody_reads_writes_or_declares_anothers_queue():
    for service in SERVICES:
        for right in ("configure", "write", "read"):
            assert may(service, right, "stats.inbox") == (service == "stats")
            assert not may(service, right, "statsx")
            assert not may(service, right, "amq.default")


def test_a_service_gets_its_own_accounts_and_never_the_owner_role(stack):
    for service in SERVICES:
        variables = processes.environment(stack, service)
        assert variables["DATABASE_URL"].startswith(f"postgresql://{service}:")
        assert variables["AMQP_URL"].startswith(f"amqp://{service}:")
        assert "MIGRATION_DATABASE_URL" not in variables
        assert processes.migration_environment(stack, service)["MIGRATION_DATABASE_URL"].startswith(
            f"postgresql://{service}_owner:"
        )


def test_no_secret_stands_in_a_command_line(stack):
    programs = [processes.program(stack, process) for process in processes.PROCESSES]
    programs += processes.desk_programs(stack)
    secrets = re.findall(r'": "([^"]+)"', (stack.state / "passwords.json").read_text())

    assert secrets
    for program in programs:
        assert not any(secret in shlex.join(program.command) for secret in secrets)


def test_awkward_values_reach_the_process_unchanged(tmp_path):
    value = "100% Cổng dịch vụ, <a@b> = {127,0,0,1}"
    program = Program("p", ("/bin/true", "a b"), tmp_path, {"X": value}, priority=1)

    section = program.section(tmp_path)

    assert f'X="{value.replace("%", "%%")}"' in section
    assert 'command="/bin/true" "a b"' in section
    with pytest.raises(ValueError):
        Program("p", ("x",), tmp_path, {"X": 'a"b'}, priority=1).section(tmp_path)


def test_the_list_of_processes_can_be_limited_by_service_and_by_process(monkeypatch):
    monkeypatch.setattr(processes, "_entry_point", lambda service: Path("/"))

    assert {process.name for process in processes.wanted("stats,notify-web")} == {
        "stats-web",
        "stats-relay",
        "stats-worker",
        "notify-web",
    }
    assert processes.wanted() == processes.PROCESSES
    assert processes.wanted("none") == processes.wanted("province") == ()


def named(requirement):
    return re.split(r"[<>=\[; ]", requirement.strip())[0].lower().replace("_", "-").replace(".", "-")


def requirements(path):
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return {named(line) for line in lines if line and not line.startswith("-")}


def test_a_process_that_does_not_exist_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("IOC_PROCESSES", "dossier,notify-wbe")
    with pytest.raises(Refused, match=r"notify-wbe; there are dossier, .*notify-web"):
        processes.wanted()


def test_make_writes_the_contracts_of_every_service():
    line = re.search(r"^SERVICES = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert line and line[1].split() == list(SERVICES)


def test_every_requirement_and_every_services_dependency_is_pinned():
    wanted = {name for path in venv.REQUIREMENTS.glob("*.in") for name in requirements(path)}
    for project in (ROOT / "services").glob("*/pyproject.toml"):
        wanted |= {named(line) for line in tomllib.loads(project.read_text())["project"].get("dependencies", [])}

    assert wanted - requirements(venv.CONSTRAINTS) == {"ioc-chassis"}


def test_the_requirements_name_no_index():
    for path in venv.REQUIREMENTS.iterdir():
        assert not re.search(r"://|^\s*-(-index|-extra-index|-find|i |f )", path.read_text(), re.MULTILINE)

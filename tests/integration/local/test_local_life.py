"""The life of a local stack: up, up again, what dies comes back, down, clean; on a stack of the test's own."""

import contextlib
import json
import os
import signal
import smtplib
import socket
import urllib.request
from email.message import EmailMessage
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from infra.local import postgres
from infra.local.fixtures import local
from infra.local.stack import HOST, Stack
from infra.local.supervision import orphans
from tests.conditions import wait_until

PORT_BASE = 28400
NO_SERVICES = ("--only", "none")


@pytest.fixture(scope="module")
def stack():
    """PostgreSQL, RabbitMQ, mailbox and accounts, without services."""
    stack = Stack.chosen(".run/test-life", PORT_BASE)
    local(stack, "clean")
    local(stack, "up", *NO_SERVICES)
    yield stack
    local(stack, "clean")


def pids(stack):
    return {row["name"]: row["pid"] for row in json.loads(local(stack, "ps", "--json")) if row["state"] == "running"}


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def test_a_second_up_changes_nothing(stack):
    before = pids(stack)

    local(stack, "up", *NO_SERVICES)

    assert set(before) >= {"postgresql", "rabbitmq", "epmd", "mailbox", "oidc"}
    assert pids(stack) == before


def test_a_killed_server_comes_back_by_itself(stack):
    before = pids(stack)["postgresql"]

    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pids(stack).get("postgresql") not in (None, before), "a new PostgreSQL process")
    wait_until(lambda: postgres.answers(stack), "an answer of PostgreSQL")


def test_a_stack_moves_to_other_ports_and_back_with_all_that_it_runs(stack):
    moved = Stack.chosen(str(stack.state), PORT_BASE + 200)
    try:
        local(moved, "up", *NO_SERVICES)
        assert set(pids(moved)) >= {"postgresql", "rabbitmq", "epmd", "mailbox", "oidc"}
    finally:
        local(stack, "up", *NO_SERVICES)
    back = pids(stack)

    local(stack, "up", *NO_SERVICES)

    assert "epmd" in back, "and not one that RabbitMQ left behind on its port"
    assert pids(stack) == back


def send(stack, recipient):
    message = EmailMessage()
    message["Subject"] = "Hồ sơ đã có kết quả"
    message.set_content("Mời ông/bà đến nhận.")
    with smtplib.SMTP(HOST, stack.port("smtp"), timeout=10) as server:
        server.send_message(message, "s@ioc.invalid", [recipient])


def subjects(stack, recipient):
    return [message["subject"] for message in fetch(f"{stack.url('mailbox')}/api/messages?to={recipient}")["messages"]]


def test_mail_is_kept_and_is_still_there_after_the_mailbox_restarts(stack):
    send(stack, "dan@example.vn")

    local(stack, "restart", "mailbox")
    local(stack, "up", *NO_SERVICES)  # waits until it is ready

    assert subjects(stack, "dan@example.vn") == ["Hồ sơ đã có kết quả"]


def test_a_token_of_the_command_line_is_signed_with_the_published_key(stack):
    token = local(stack, "token", "auditor").strip()

    keys = KeySet.import_key_set(fetch(f"{stack.url('oidc')}/jwks"))
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["role"]) == (stack.url("oidc"), "ioc", "auditor")


def test_no_password_stands_in_a_command_line_and_the_files_that_hold_one_are_private(stack):
    secrets = json.loads((stack.state / "passwords.json").read_text()).values()
    lines = []
    for pid in orphans(stack):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())

    assert lines
    assert not any(secret in line for secret in secrets for line in lines)
    for path in stack.state.iterdir():
        if path.is_file() and any(secret in path.read_text(errors="replace") for secret in secrets):
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_port_that_another_program_holds_is_named_and_nothing_is_started():
    other = Stack.chosen(".run/test-taken", PORT_BASE + 400)
    local(other, "clean")
    with socket.create_server((HOST, other.port("postgresql"))), pytest.raises(pytest.fail.Exception) as refusal:
        local(other, "servers", "up")

    assert f"{other.port('postgresql')} (postgresql)" in str(refusal.value)
    local(other, "clean")


def kill_supervisor(stack):
    daemon = int((stack.state / "supervisord.pid").read_text())
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{daemon}").exists(), "the end of supervisord")
    assert orphans(stack)


def test_down_also_ends_what_a_killed_supervisor_left_behind(stack):
    kill_supervisor(stack)

    local(stack, "down")

    assert orphans(stack) == set()
    local(stack, "up", *NO_SERVICES)


def test_up_after_a_killed_supervisor_starts_afresh_and_finds_the_data_again(stack):
    send(stack, "con@example.vn")
    before = orphans(stack)
    kill_supervisor(stack)

    local(stack, "up", *NO_SERVICES)

    assert orphans(stack).isdisjoint(before)
    assert subjects(stack, "con@example.vn") == ["Hồ sơ đã có kết quả"]


def test_clean_deletes_the_state_and_nothing_beside_it():
    stack = Stack.chosen(".run/test-clean", PORT_BASE + 600)
    local(stack, "clean")
    stack.create()
    beside = stack.state.with_name("test-clean.txt")
    beside.write_text("mine")
    try:
        local(stack, "clean")
        assert not stack.state.exists()
        assert beside.read_text() == "mine"
    finally:
        beside.unlink()

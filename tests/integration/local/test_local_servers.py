"""What the private servers let each account do, asked of the real PostgreSQL and RabbitMQ."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import amqp
import psycopg2
import pytest

from infra.local.stack import HOST, ROOT, SERVICES, VIRTUAL_HOST


def connects(url):
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


@pytest.fixture
def channel_of(private_servers):
    """channel_of("dossier"): a fresh channel of that account; all are closed after the test."""
    with contextlib.ExitStack() as opened:

        def open_channel(user, password=None):
            connection = amqp.Connection(
                host=f"{HOST}:{private_servers.port('rabbitmq')}",
                userid=user,
                password=password or private_servers.passwords.of("rabbitmq", user),
                virtual_host=VIRTUAL_HOST,
                connect_timeout=10,
                read_timeout=10,
            )
            connection.connect()
            opened.callback(connection.close)
            return connection.channel()

        yield open_channel


@pytest.fixture
def notify_queue(channel_of):
    """notify's queue of commands, as notify itself makes it; gone after the test."""
    channel = channel_of("notify")
    channel.exchange_declare("probe.commands", "direct", durable=True, auto_delete=False)
    channel.exchange_declare("notify.probe-commands", "direct", durable=True, auto_delete=False)
    channel.queue_declare("notify.probe", durable=True, auto_delete=False)
    channel.queue_bind("notify.probe", "notify.probe-commands", "mail")
    yield "notify.probe"
    developer = channel_of("developer")
    developer.queue_delete("notify.probe")
    for exchange in ("probe.commands", "notify.probe-commands", "probe.events"):
        developer.exchange_delete(exchange)


@contextlib.contextmanager
def refused():
    with pytest.raises(amqp.exceptions.AccessRefused):
        yield


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_connects_to_its_own_database_and_to_no_other(private_servers, service):
    for database in (*SERVICES, "postgres", "template1"):
        assert connects(private_servers.database_url(service, database)) == (database == service), database


@pytest.mark.parametrize("service", SERVICES)
def test_the_owner_role_makes_tables_and_the_app_role_does_not(private_servers, service):
    def make_table(role):
        connection = psycopg2.connect(private_servers.database_url(role, service), connect_timeout=5)
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE probe_of_rights (x int)")  # never committed

    make_table(f"{service}_owner")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        make_table(service)


def test_what_is_committed_is_on_disk(private_servers):
    connection = psycopg2.connect(private_servers.database_url("postgres", "postgres"))
    with contextlib.closing(connection), connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute("SELECT current_setting(%s)", [setting])
            assert cursor.fetchone() == ("on",)


def test_a_wrong_password_opens_nothing(private_servers, channel_of):
    assert not connects(private_servers.database_url("dossier", "dossier").replace("dossier:", "dossier:x", 1))
    with refused():
        channel_of("dossier", "wrong")
    with refused():
        channel_of("guest", "guest")


def test_a_service_sends_a_command_but_cannot_read_it(channel_of, notify_queue):
    sender = channel_of("dossier")
    sender.exchange_declare("probe.commands", "direct", durable=True, auto_delete=False)
    sender.basic_publish(amqp.Message("x"), "probe.commands", "mail")

    for forbidden in (
        lambda channel: channel.basic_get(notify_queue),
        lambda channel: channel.basic_consume(notify_queue),
        lambda channel: channel.queue_purge(notify_queue),
        lambda channel: channel.queue_delete(notify_queue),
    ):
        with refused():
            forbidden(channel_of("dossier"))


def test_a_service_cannot_send_commands_to_itself_from_anothers_exchange(channel_of, notify_queue):
    channel = channel_of("stats")
    channel.queue_declare("stats.spy", exclusive=True)
    with refused():
        channel.queue_bind("stats.spy", "notify.probe-commands", "mail")


def test_a_service_reads_anothers_events_and_cannot_write_them(channel_of, notify_queue):
    reader = channel_of("stats")
    reader.exchange_declare("probe.events", "topic", durable=True, auto_delete=False)
    reader.queue_declare("stats.probe", exclusive=True)
    reader.queue_bind("stats.probe", "probe.events", "#")

    # A publish is refused a moment later, so ask a question after it.
    forger = channel_of("stats")
    with refused():
        forger.basic_publish(amqp.Message("x"), "probe.events", "dossier.received.v1")
        forger.queue_declare("stats.other", exclusive=True)


def test_nothing_is_reachable_from_another_machine(private_servers):
    first, last = private_servers.port_base, private_servers.port_base + 199
    local = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            address, port = row.split()[1].split(":")
            if row.split()[3] == "0A" and first <= int(port, 16) <= last:
                listening.append((address, int(port, 16)))

    assert {port for _, port in listening} >= {private_servers.port("postgresql"), private_servers.port("rabbitmq")}
    assert {address for address, _ in listening} <= local


def test_the_printed_environment_is_the_one_that_works(private_servers):
    command = [sys.executable, "-m", "infra.local", "env", "--json", "--state", str(private_servers.state)]
    printed = subprocess.run([*command, "stats", "worker"], cwd=ROOT, capture_output=True, text=True, check=True)

    variables = json.loads(printed.stdout)

    assert connects(variables["DATABASE_URL"])
    assert variables["PROBE_PORT"] == str(private_servers.port_base + 107)

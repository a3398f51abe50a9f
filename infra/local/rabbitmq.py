"""A private RabbitMQ from Debian's package: settings, accounts, and what each service may do in the virtual host."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path

import amqp

from infra.local.folders import data_folder, server_account, write_for
from infra.local.progress import Refused
from infra.local.stack import HOST, SERVICES, VIRTUAL_HOST, Stack
from infra.local.supervision import Program

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PACKAGE = "rabbitmq-server"
ACCOUNT = "rabbitmq"
DEVELOPER = "developer"
PLUGINS = ("rabbitmq_consistent_hash_exchange",)
METRICS_PLUGIN = "rabbitmq_prometheus"

# A free disk of 50 MB is enough for a developer; RabbitMQ's alarm would otherwise silently block every publisher.
SETTINGS = """\
# Written by infra.local at every start; changes here are lost.
listeners.tcp.1 = {listen}
load_definitions = {definitions}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.relative = 0.5
log.console = true
log.console.level = warning
log.file = false
"""
METRICS_SETTINGS = """\
prometheus.tcp.ip = {address}
prometheus.tcp.port = {port}
"""
# Distribution stays on loopback; schedulers do not spin while they wait (two cores are shared by everything here).
ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"


def metrics_wanted() -> bool:
    """The metrics plugin adds two seconds to the start and five to the stop: a private server has it on request."""
    return os.environ.get("IOC_BROKER_METRICS", "") not in ("", "0")


def installed() -> bool:
    return SERVER.exists() and shutil.which("epmd") is not None


def prepare(stack: Stack) -> list[Program]:
    """Write the settings and accounts, and say how to run the server and the port mapper of its own."""
    folder = data_folder(stack, "rabbitmq", ACCOUNT)
    settings = _write_settings(stack, folder)
    ports = {"ERL_EPMD_PORT": str(stack.port("epmd")), "ERL_EPMD_ADDRESS": HOST}
    environment = ports | {
        "HOME": str(folder),  # the Erlang cookie
        "LANG": "C.UTF-8",
        "IOC_SETTINGS": settings,
        "RABBITMQ_NODENAME": "ioc@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(stack.port("rabbitmq")),
        "RABBITMQ_DIST_PORT": str(stack.port("rabbitmq-distribution")),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),  # not /etc/rabbitmq's
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        "RUNNING_UNDER_SYSTEMD": "true",  # the start script becomes the server, so that signals reach it
    }
    account = server_account(ACCOUNT)
    epmd = Program(
        name="epmd",
        command=(shutil.which("epmd") or "epmd",),
        folder=folder,
        environment=ports,
        account=account,
        priority=10,
        ports=(stack.port("epmd"),),
    )
    listens = ["rabbitmq", "rabbitmq-distribution", *(["rabbitmq-metrics"] if metrics_wanted() else [])]
    server = Program(
        name="rabbitmq",
        command=(str(SERVER),),
        folder=folder,
        environment=environment,
        account=account,
        priority=20,
        stop_seconds=60,
        ports=tuple(stack.port(name) for name in listens),
    )
    return [epmd, server]


def _write_settings(stack: Stack, folder: Path) -> str:
    """Write what the server reads at its start, readable by its account only; the answer is the digest of it all."""
    files = configuration(
        stack,
        definitions=str(folder / "definitions.json"),
        listen=f"{HOST}:{stack.port('rabbitmq')}",
        metrics=(HOST, stack.port("rabbitmq-metrics")) if metrics_wanted() else None,
    )
    files |= {"none.conf": "# nothing\n", "none.config": "[].\n"}
    for name, text in files.items():
        write_for(server_account(ACCOUNT), folder / name, text)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def configuration(stack: Stack, definitions: str, listen: str, metrics: tuple[str, int] | None) -> dict[str, str]:
    """The files that any RabbitMQ of ours starts with, by name; passwords stand in them only as salted hashes."""
    settings, plugins = SETTINGS.format(listen=listen, definitions=definitions), [*PLUGINS]
    if metrics:
        settings += METRICS_SETTINGS.format(address=metrics[0], port=metrics[1])
        plugins.append(METRICS_PLUGIN)
    return {
        "rabbitmq.conf": settings,
        "enabled_plugins": f"[{','.join(plugins)}].\n",
        "definitions.json": json.dumps(_definitions(stack), indent=2, sort_keys=True) + "\n",
    }


def _definitions(stack: Stack) -> dict[str, object]:
    """The virtual host, one account per service with the rights of its contract, and one for people and tests."""
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    rights = {service: permissions(service) for service in SERVICES} | {DEVELOPER: everything}
    return {
        "vhosts": [{"name": VIRTUAL_HOST}],
        "users": [_user(account, stack.passwords.of("rabbitmq", account)) for account in rights],
        "permissions": [{"user": account, "vhost": VIRTUAL_HOST, **rights[account]} for account in rights],
    }


def permissions(service: str) -> dict[str, str]:
    """What a service may do, as RabbitMQ's three patterns over the names of exchanges and queues.

    configure: its own names, and every exchange of events, replays or commands: who binds or sends declares it first;
    write: its own names (binding a queue writes to the queue), and commands to anybody;
    read: its own names, and everybody's events and replays (binding reads from the exchange). Commands to a service are under that
    service's own names, so nobody else can read them.
    """
    own = rf"{service}(\..+)?"
    return {
        "configure": rf"^({own}|[a-z]+\.(events|replays|commands))$",
        "write": rf"^({own}|[a-z]+\.commands)$",
        "read": rf"^({own}|[a-z]+\.(events|replays))$",
    }


def _user(name: str, password: str) -> dict[str, object]:
    salt = hashlib.sha256(f"{name}/{password}".encode()).digest()[:4]  # the same file at every start
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }


def answers(stack: Stack) -> bool:
    """True when the broker lets the developer account into the virtual host."""
    connection = amqp.Connection(
        host=f"{HOST}:{stack.port('rabbitmq')}",
        userid=DEVELOPER,
        password=stack.passwords.of("rabbitmq", DEVELOPER),
        virtual_host=VIRTUAL_HOST,
        connect_timeout=2,
        read_timeout=5,
    )
    try:
        connection.connect()
        connection.close()
    except amqp.exceptions.AccessRefused:
        raise Refused(f"RabbitMQ refuses the password in {stack.state}: `clean` forgets its data") from None
    except (OSError, amqp.exceptions.AMQPError):
        return False
    return True

"""Where a Docker engine answers, compose runs the servers: loopback ports, the same accounts, no password in an argument."""

import json

import pytest
import yaml

from infra.local import docker, servers
from infra.local.progress import Refused
from infra.local.stack import Stack

FAKE = """#!/usr/bin/env python3
import json, os, sys
with open({log!r}, "a") as file:
    print(json.dumps({{"words": sys.argv[1:], "environment": dict(os.environ)}}), file=file)
print("27.0")
sys.exit({code})
"""


@pytest.fixture
def stack(tmp_path, monkeypatch):
    for name in ("STATE", "PORT_BASE", "IOC_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    stack = Stack.chosen(str(tmp_path / "s"), 28000)
    stack.create()
    return stack


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Puts a `docker` on the PATH that notes how it is called and leaves with the given code."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(code=0):
        script = folder / "docker"
        script.write_text(FAKE.format(log=str(tmp_path / "calls"), code=code))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")

    def calls():
        return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    install.calls = calls
    return install


def test_without_an_engine_the_servers_come_from_packages(engine, stack):
    engine(code=1)

    assert servers.kind(stack) == "packages"


def test_with_an_engine_the_servers_are_containers_and_stay_containers(engine, stack, monkeypatch):
    engine()
    assert servers.kind(stack) == "docker"

    engine(code=1)
    assert servers.kind(stack) == "docker"
    monkeypatch.setenv("IOC_SERVERS", "packages")
    with pytest.raises(Refused):
        servers.kind(stack)


def test_compose_gets_passwords_by_environment_and_settings_with_hashes_only(engine, stack):
    engine()

    docker.up(stack)

    call = engine.calls()[-1]
    password = stack.passwords.of("postgresql", "postgres")
    assert call["environment"]["POSTGRES_PASSWORD"] == password
    assert password not in " ".join(call["words"])
    settings = "".join(path.read_text() for path in (stack.state / "compose").iterdir())
    assert "rabbitmq_consistent_hash_exchange" in settings
    assert not any(stack.passwords.of("rabbitmq", user) in settings for user in ("dossier", "developer"))


def test_a_stack_finds_its_containers_again_after_its_ports_moved(engine, stack):
    engine()
    docker.up(stack)
    docker.up(Stack(stack.state, 28200))

    first, second = (call["words"][call["words"].index("--project-name") + 1] for call in engine.calls())
    assert first == second


def test_containers_publish_on_loopback_only():
    compose = yaml.safe_load(docker.COMPOSE_FILE.read_text())

    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)

"""Missing packages are installed only where we may, never start a service, and are otherwise named with the command."""

import stat

import pytest

from infra.local import debian
from infra.local.progress import Refused


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """A machine where we are root, apt works, and policy-rc.d is a file of the test."""
    made = []
    monkeypatch.setattr(debian, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(debian, "_root_prefix", lambda: [])
    monkeypatch.setattr(debian, "_leave_disabled", lambda become_root, packages: None)
    monkeypatch.setattr(debian.shutil, "which", lambda name: f"/usr/bin/{name}")

    def apt(become_root, arguments, must_work):
        policy = debian.POLICY.read_text() if debian.POLICY.exists() else ""
        made.append((arguments[0], arguments[-1], policy, debian.POLICY.exists() and debian.POLICY.stat().st_mode))

    monkeypatch.setattr(debian, "_apt", apt)
    return made


def test_nothing_missing_means_nothing_done(calls):
    debian.install([], "servers")

    assert calls == []


def test_while_packages_are_installed_services_may_not_start_and_afterwards_they_may_again(calls):
    debian.install(["postgresql"], "servers")

    verb, package, policy, mode = calls[-1]
    assert (verb, package) == ("install", "postgresql")
    assert "exit 101" in policy
    assert mode & stat.S_IXUSR
    assert not debian.POLICY.exists()


def test_a_failed_installation_leaves_no_policy_behind(calls, monkeypatch):
    def broken(*_, **__):
        raise Refused("apt-get failed")

    monkeypatch.setattr(debian, "_apt", broken)
    with pytest.raises(Refused):
        debian.install(["postgresql"], "servers")

    assert not debian.POLICY.exists()


def test_an_administrators_policy_stays_as_it_is(calls):
    debian.POLICY.write_text("#!/bin/sh\nexit 0\n")

    debian.install(["postgresql"], "servers")

    assert debian.POLICY.read_text() == "#!/bin/sh\nexit 0\n"


def test_who_may_not_install_is_told_the_packages_and_the_command(calls, monkeypatch):
    monkeypatch.setattr(debian, "_root_prefix", lambda: None)

    with pytest.raises(Refused) as refusal:
        debian.install(["rabbitmq-server", "postgresql"], "servers")

    assert "sudo apt-get install --no-install-recommends postgresql rabbitmq-server" in str(refusal.value)
    assert calls == []

"""What the commands print about a stack: its processes, its addresses, an environment to work in, a token."""

from __future__ import annotations

import http.client
import json
import shlex
import time
import urllib.parse

from infra.local import processes, readiness, servers
from infra.local.accounts import ACCOUNTS, CLI_CLIENT, DEMO
from infra.local.postgres import SUPERUSER
from infra.local.progress import Refused
from infra.local.rabbitmq import DEVELOPER
from infra.local.stack import DEFAULT_PORT_BASE, DEFAULT_STATE, HOST, OFFSETS, ROOT, SERVICES, Stack
from infra.local.supervision import Supervisor

# The dossier that the README files as well; 2.000488 is a procedure of the seeded province.
TRY = """
File a dossier, then look into the mailbox
  curl -s {dossier}/v1/dossiers -H "Authorization: Bearer $({token})" \\
    -H 'Content-Type: application/json' -H "Idempotency-Key: $(date +%s%N)" \\
    -d '{{"procedure": "2.000488", "unit": "H52.17", "applicant": {{"full_name": "Lò Văn An", "email": "an@example.vn"}}}}'"""


def ps(stack: Stack, as_json: bool) -> None:
    """Every process: its state, pid, age, port, and whether it says that it is ready."""
    rows = [_row(stack, process) for process in Supervisor(stack).processes().values()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print(f"nothing runs in {stack.state}")
        return
    if servers.recorded_kind(stack) == "docker":
        print("PostgreSQL and RabbitMQ run in containers: docker compose ls")
    print(f"{'PROCESS':<18} {'STATE':<9} {'PID':>7} {'UP':>8} {'PORT':>6}  READY")
    for row in rows:
        ready = {True: "yes", False: "no", None: ""}[row["ready"]]
        print(
            f"{row['name']:<18} {row['state']:<9} {row['pid'] or '':>7} {_age(row['seconds']):>8} "
            f"{row['port'] or '':>6}  {ready}".rstrip()
        )


def _row(stack: Stack, process: dict) -> dict:
    name = process["name"]
    row = processes.named(name)
    running = process["statename"] == "RUNNING"
    port = stack.port_base + row.offset if row else stack.port(name) if name in OFFSETS else None
    address = f"http://{HOST}:{port}/readyz" if row or name in ("mailbox", "oidc", "portal") else None
    return {
        "name": name,
        "state": process["statename"].lower(),
        "pid": process["pid"],
        "seconds": process["now"] - process["start"] if running else 0,
        "port": port,
        "ready": readiness.ready(address) if running and address else None,
    }


def _age(seconds: int) -> str:
    if not seconds:
        return ""
    return time.strftime("%H:%M:%S", time.gmtime(seconds)) if seconds < 86400 else f"{seconds // 86400} d"


def addresses(stack: Stack, only: str | None) -> None:
    """What to open and what to type now."""
    command = "make -s token AS=officer" if _is_default(stack) else f"make -s token AS=officer {_variables(stack)}"
    there = {row.service for row in processes.wanted(only)}
    print("\nAddresses")
    for service in SERVICES:
        if service in there:
            print(f"  {service:<10} {processes.address(stack, service)}/openapi.json")
    if "ipcam" in there:
        print(
            f"  {'cameras':<10} {stack.url('cameras-control')}/cameras   simulated; what they can be made to do: /faults"
        )
    print(f"  {'mailbox':<10} {stack.url('mailbox')}   every e-mail that the stack sends ends here")
    print(f"  {'oidc':<10} {stack.url('oidc')}   accounts {', '.join(DEMO)}; password {_password(stack)}")
    print(f"  {'portal':<10} {stack.url('portal')}   the simulated national portal and what it holds")
    print(f"  {'servers':<10} PostgreSQL {HOST}:{stack.port('postgresql')}, RabbitMQ {HOST}:{stack.port('rabbitmq')}")
    if "dossier" in there:
        print(TRY.format(token=command, dossier=processes.address(stack, "dossier")))
    print("\nmake ps · make logs · make down · make clean")


def _is_default(stack: Stack) -> bool:
    return stack.state == ROOT / DEFAULT_STATE and stack.port_base == DEFAULT_PORT_BASE


def _variables(stack: Stack) -> str:
    state = stack.state.relative_to(ROOT) if stack.state.is_relative_to(ROOT) else stack.state
    return f"STATE={state} PORT_BASE={stack.port_base}"


def _password(stack: Stack) -> str:
    return stack.passwords.of("oidc", "demo")


def environment(stack: Stack, service: str | None, job: str, as_json: bool) -> None:
    """The environment of a service's process, or (no service) the stack's addresses and a developer's accounts."""
    if not stack.marker.exists():
        raise Refused(f"{stack.state} holds no stack yet: `up` or `servers up` makes it")
    variables = developer_environment(stack) if service is None else service_environment(stack, service, job)
    if as_json:
        print(json.dumps(variables, indent=2, sort_keys=True, ensure_ascii=False))
        return
    for name, value in sorted(variables.items()):
        print(f"export {name}={shlex.quote(value)}")


def service_environment(stack: Stack, service: str, job: str = "web") -> dict[str, str]:
    """What `python -m <service> <job>` reads in this stack."""
    if service not in SERVICES:
        raise Refused(f"no service {service!r}; there are {', '.join(SERVICES)}")
    if job == "migrate":
        return processes.migration_environment(stack, service)
    row = processes.named(f"{service}-{job}")
    return processes.process_environment(stack, row) if row else processes.environment(stack, service)


def developer_environment(stack: Stack) -> dict[str, str]:
    """Where everything is, and accounts that may do everything: for tests and for looking around."""
    urls = {f"{service.upper()}_URL": processes.address(stack, service) for service in SERVICES}
    return urls | {
        "MAILBOX_URL": stack.url("mailbox"),
        "PORTAL_URL": stack.url("portal"),
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(stack.port("smtp")),
        "OIDC_ISSUER": stack.url("oidc"),
        "OIDC_PASSWORD": _password(stack),
        "AMQP_URL": stack.amqp_url(DEVELOPER),
        "ADMIN_DATABASE_URL": stack.database_url(SUPERUSER, "postgres"),
        "PGHOST": HOST,
        "PGPORT": str(stack.port("postgresql")),
        "PGUSER": SUPERUSER,
        "PGPASSWORD": stack.passwords.of("postgresql", SUPERUSER),
    }


def token(stack: Stack, login: str) -> str:
    """An access token of a demo account, from the stack's OIDC provider."""
    if login not in ACCOUNTS:
        raise Refused(f"no account {login!r}; there are {', '.join(ACCOUNTS)}")
    form = {"grant_type": "password", "client_id": CLI_CLIENT, "username": login, "password": _password(stack)}
    form["scope"] = ACCOUNTS[login].scope
    connection = http.client.HTTPConnection(HOST, stack.port("oidc"), timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", "/token", urllib.parse.urlencode(form), headers)
        answer = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(f"the OIDC provider at {stack.url('oidc')} does not answer ({error}): is the stack up?") from None
    finally:
        connection.close()
    if "access_token" not in answer:
        raise Refused(f"the OIDC provider refused: {answer}")
    return str(answer["access_token"])

"""A private PostgreSQL from Debian's package, and on any PostgreSQL the databases and roles of the services."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from infra.local.folders import data_folder, server_account, write_for
from infra.local.progress import Refused
from infra.local.stack import HOST, SERVICES, Stack
from infra.local.supervision import Program

BINARIES = Path("/usr/lib/postgresql")
PACKAGE = "postgresql"
SUPERUSER = "postgres"

# fsync stays on: what the platform promises to keep must be kept here too, and measurements without it would lie.
SETTINGS = """\
# Written by infra.local at every start; changes here are lost.
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
fsync = on
max_connections = 200
shared_buffers = '128MB'
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = 'warning'
"""


def installed() -> bool:
    return _newest() is not None


def _newest() -> Path | None:
    """The bin folder of the newest PostgreSQL server that Debian's packages put there, 14 or later."""
    versions = [int(path.parts[-3]) for path in BINARIES.glob("*/bin/postgres") if path.parts[-3].isdecimal()]
    return BINARIES / str(max(versions)) / "bin" if versions and max(versions) >= 14 else None


def prepare(stack: Stack) -> Program:
    """Make the data folder if there is none, write the settings, and say how to run the server."""
    data = data_folder(stack, "postgresql", SUPERUSER)
    version = data / "PG_VERSION"
    binaries = BINARIES / version.read_text().strip() / "bin" if version.exists() else _newest()
    if binaries is None or not (binaries / "postgres").exists():
        raise Refused(f"the data in {data} was made by {binaries}, which is gone; `clean` forgets it")
    if not version.exists():
        _initialise(stack, binaries, data)
    settings = SETTINGS.format(host=HOST, port=stack.port("postgresql"))
    write_for(server_account(SUPERUSER), data / "ioc.conf", settings)
    return Program(
        name="postgresql",
        command=(str(binaries / "postgres"), "-D", str(data)),
        folder=data,
        environment={"IOC_SETTINGS": hashlib.sha256(settings.encode()).hexdigest()[:16]},
        account=server_account(SUPERUSER),
        priority=10,
        stop_signal="INT",  # "fast": roll back what runs; TERM would wait for every client to leave
        ports=(stack.port("postgresql"),),
    )


def _initialise(stack: Stack, binaries: Path, data: Path) -> None:
    """initdb as an account that it accepts, with the superuser's password handed over in a file of that account."""
    account = server_account(SUPERUSER)
    password = data.with_name("postgresql.password")
    write_for(account, password, stack.passwords.of("postgresql", SUPERUSER))
    who: dict[str, Any] = {"user": account, "group": account, "extra_groups": []} if account else {}
    command = [str(binaries / "initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--pwfile", str(password)]
    command += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd="/", env={"PATH": "/usr/bin:/bin"}, **who)
    finally:
        password.unlink()
    if result.returncode:
        raise Refused(f"initdb failed:\n{result.stderr.strip()}")
    with (data / "postgresql.conf").open("a") as file:
        file.write("\ninclude = 'ioc.conf'\n")


def answers(stack: Stack) -> bool:
    """True when the server lets the superuser in."""
    try:
        psycopg2.connect(stack.database_url(SUPERUSER, "postgres"), connect_timeout=2).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise Refused(f"PostgreSQL refuses the password in {stack.state}: `clean` forgets its data") from None
        return False
    return True


def ensure_databases(stack: Stack) -> list[str]:
    """Make every service's database, owner role and app role that is missing; says which databases are new.

    Nobody but the owner, the app role and the superuser may connect to a service's database. What the app role may do
    inside is granted by the service's own migrations.
    """
    connection = psycopg2.connect(stack.database_url(SUPERUSER, "postgres"), connect_timeout=5)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles UNION ALL SELECT 'database ' || datname FROM pg_database")
            there = {name for (name,) in cursor.fetchall()}
            missing = [service for service in SERVICES if f"database {service}" not in there]
            for service in missing:
                _create(stack, cursor, service, there)
            if missing:
                cursor.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        connection.close()
    return missing


def _create(stack: Stack, cursor: psycopg2.extensions.cursor, service: str, there: set[str]) -> None:
    database, owner, app = sql.Identifier(service), sql.Identifier(f"{service}_owner"), sql.Identifier(service)
    for role, identifier in ((f"{service}_owner", owner), (service, app)):
        if role not in there:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(identifier)
            cursor.execute(statement, [stack.passwords.of("postgresql", role)])
    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(database, owner))
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, app))

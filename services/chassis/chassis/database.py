"""The pool and the transaction: every statement has a limit; a lost server is told apart from a bad statement."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from chassis.settings import DatabaseSettings

Tx = sqlalchemy.Connection
# Connection, operator intervention, out of resources, system error, read only (a server that was demoted meanwhile).
AWAY_CLASSES = ("08", "57P", "53", "58", "25006")
HALF_OPEN_MS = 10_000
BESIDE = 2  # connections of a process for what is committed at once
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Writer(Protocol):
    """A transaction as those see it who only write: nothing comes back."""

    def exec_driver_sql(self, statement: str, parameters: Mapping[str, Any], /) -> object:
        """Execute, now or with others."""


def connect_arguments(settings: DatabaseSettings, application: str, **more: object) -> dict[str, object]:
    """libpq options: a half-open server is noticed, and no statement or forgotten transaction lives for ever."""
    options = {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": 60_000,
        "timezone": "UTC",
        **more,
    }
    return {
        "application_name": application,
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": HALF_OPEN_MS,
    }


class Database:
    """A pool of at most `pool_size` connections to one database, and two more for what is committed at once.

    `ping` asks before each transaction whether its connection still stands; who tries again anyway spares the round trip.
    """

    def __init__(self, settings: DatabaseSettings, application: str, ping: bool = True) -> None:
        engine = functools.partial(
            sqlalchemy.create_engine,
            settings.url.replace("postgresql://", "postgresql+psycopg2://", 1),
            max_overflow=0,
            pool_pre_ping=ping,
            hide_parameters=True,  # an error must not carry personal data into a log
            pool_timeout=10,
        )
        self.engine = engine(pool_size=settings.pool_size, connect_args=connect_arguments(settings, application))
        self.beside = engine(
            pool_size=BESIDE,
            isolation_level="AUTOCOMMIT",
            connect_args=connect_arguments(settings, application, synchronous_commit="off"),
        )
        sqlalchemy.event.listen(self.engine, "connect", lambda _, record: record.info.update(database=self))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tx]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        with self.engine.begin() as tx:
            yield tx

    def at_once(self, statement: str, parameters: Mapping[str, Any]) -> Any:
        """Execute one statement apart from any transaction, and return its first row or None.

        It is committed without waiting for the disk: a crash of the server may undo it, but never while it leaves what
        was committed later.
        """
        with self.beside.connect() as connection:
            return connection.exec_driver_sql(statement, parameters).first()

    def close(self) -> None:
        """Give up the connections that nobody uses."""
        self.engine.dispose()
        self.beside.dispose()

    def answers(self) -> bool:
        """True when the database can be written to now."""
        try:
            with self.transaction() as tx:
                return not tx.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
        except (DBAPIError, sqlalchemy.exc.TimeoutError):
            return False


def database_of(tx: Tx) -> Database:
    """The database that a transaction is of."""
    found: Database = tx.info["database"]
    return found


@contextlib.contextmanager
def together(tx: Tx) -> Iterator[Writer]:
    """What is written in the block goes to the server at its end, in one round trip and in the order given."""
    kept = _Kept()
    yield kept
    if kept.statements:
        tx.exec_driver_sql(_joined(tuple(kept.statements)), kept.parameters)


class _Kept:
    def __init__(self) -> None:
        self.statements: list[str] = []
        self.parameters: dict[str, Any] = {}

    def exec_driver_sql(self, statement: str, parameters: Mapping[str, Any], /) -> None:
        place = len(self.statements)
        self.statements.append(statement)
        self.parameters.update((f"{place}.{name}", value) for name, value in parameters.items())


@functools.lru_cache(maxsize=256)
def _joined(statements: tuple[str, ...]) -> str:
    """One text, in which the parameters of each statement bear its place."""
    return ";".join(PLACEHOLDER.sub(rf"%({place}.\1)s", text) for place, text in enumerate(statements))


def is_away(error: BaseException) -> bool:
    """True where the database, not the statement, is at fault: the work is right and must wait for its return."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):  # no connection of the pool became free
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None)
    if code is None:
        return error.connection_invalidated or isinstance(
            error, (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
        )
    return str(code).startswith(AWAY_CLASSES)

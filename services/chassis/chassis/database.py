"""The pool and the transaction: every statement has a limit; a lost server is told apart from a bad statement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from chassis.settings import DatabaseSettings

Tx = sqlalchemy.Connection
# Connection, operator intervention, out of resources, system error, read only (a server that was demoted meanwhile).
AWAY_CLASSES = ("08", "57P", "53", "58", "25006")
HALF_OPEN_MS = 10_000


def connect_arguments(settings: DatabaseSettings, application: str) -> dict[str, object]:
    """libpq options: a half-open server is noticed, and no statement or forgotten transaction lives for ever."""
    options = {
        "statement_timeout": settings.statement_timeout_ms,
        "lock_timeout": settings.lock_timeout_ms,
        "idle_in_transaction_session_timeout": 60_000,
        "timezone": "UTC",
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
    """A pool of at most `pool_size` connections to one database.

    `ping` asks before each transaction whether its connection still stands; who tries again anyway spares the round trip.
    """

    def __init__(self, settings: DatabaseSettings, application: str, ping: bool = True) -> None:
        self.engine = sqlalchemy.create_engine(
            settings.url.replace("postgresql://", "postgresql+psycopg2://", 1),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_pre_ping=ping,
            hide_parameters=True,  # an error must not carry personal data into a log
            pool_timeout=10,
            connect_args=connect_arguments(settings, application),
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tx]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        with self.engine.begin() as tx:
            yield tx

    def answers(self) -> bool:
        """True when the database can be written to now."""
        try:
            with self.transaction() as tx:
                return not tx.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
        except (DBAPIError, sqlalchemy.exc.TimeoutError):
            return False


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

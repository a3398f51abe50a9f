"""Holds a subject at its first statement, warmed up and connected, until the clock is started."""

import time
from types import TracebackType
from typing import Literal, Self

import psycopg2

from tests.load.process import Process

Mode = Literal["SHARE ROW EXCLUSIVE", "ACCESS EXCLUSIVE"]


class Gate:
    """A table lock: closed on entering, opened by `open()`; `waiting()` tells when the subject stands before it."""

    def __init__(self, database_url: str, table: str, mode: Mode) -> None:
        self._holder, self._watcher = psycopg2.connect(database_url), psycopg2.connect(database_url)
        self._watcher.autocommit = True
        self._table, self._mode = table, mode

    def __enter__(self) -> Self:
        with self._holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {self._table} IN {self._mode} MODE")
        return self

    def wait_for(self, process: Process, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self._blocked():
            process.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{process.name} did not touch {self._table} within {seconds} s, see {process.log}")
            time.sleep(0.01)

    def open(self) -> None:
        self._holder.commit()

    def _blocked(self) -> bool:
        with self._watcher.cursor() as cursor:
            cursor.execute("SELECT FROM pg_locks WHERE relation = %s::regclass AND NOT granted", (self._table,))
            return cursor.rowcount > 0

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._holder.close()
        self._watcher.close()

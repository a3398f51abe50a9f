"""What the simulated portal holds: dossiers as they were last sent, every status that came, and every progress line."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS dossier (code TEXT PRIMARY KEY, item TEXT NOT NULL, adds INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS status (id INTEGER PRIMARY KEY, code TEXT NOT NULL, status TEXT NOT NULL, is_updating TEXT);
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY, code TEXT NOT NULL, item TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS status_code ON status (code, id);
CREATE INDEX IF NOT EXISTS progress_code ON progress (code, id);
"""


class Book:
    """One SQLite file; it outlives restarts, so that the portal remembers what it was told."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + TABLES)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            yield self._connection

    def has(self, code: str) -> bool:
        """Whether a dossier is there."""
        return self.item(code) is not None

    def item(self, code: str) -> dict[str, Any] | None:
        """A dossier as it was last sent."""
        with self._lock:
            row = self._connection.execute("SELECT item FROM dossier WHERE code = ?", (code,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, item: dict[str, Any], is_updating: str) -> None:
        """Keep a dossier, and that its status came."""
        code = str(item["MaHoSo"])
        with self._writing() as book:
            book.execute(
                "INSERT INTO dossier (code, item) VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET item = excluded.item",
                (code, json.dumps(item, ensure_ascii=False)),
            )
            came = (code, str(item.get("TrangThaiHoSo")), is_updating)
            book.execute("INSERT INTO status (code, status, is_updating) VALUES (?, ?, ?)", came)

    def change(self, code: str, changes: dict[str, Any]) -> bool:
        """Change a dossier behind everybody's back."""
        item = self.item(code)
        if item is None:
            return False
        with self._writing() as book:
            text = json.dumps(item | changes, ensure_ascii=False)
            book.execute("UPDATE dossier SET item = ? WHERE code = ?", (text, code))
        return True

    def forget(self, code: str) -> bool:
        """Lose a dossier."""
        with self._writing() as book:
            gone = book.execute("DELETE FROM dossier WHERE code = ?", (code,)).rowcount
            return gone > 0

    def note(self, item: dict[str, Any]) -> None:
        """Keep a progress line."""
        with self._writing() as book:
            line = (str(item["MaHoSo"]), json.dumps(item, ensure_ascii=False))
            book.execute("INSERT INTO progress (code, item) VALUES (?, ?)", line)

    def listed(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Dossiers by code, each with the statuses that came and its progress lines."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT code, item FROM dossier WHERE code > ? ORDER BY code LIMIT ?", (after, limit)
            ).fetchall()
            return [{"code": code, "item": json.loads(item), **self.came(code)} for code, item in rows]

    def came(self, code: str) -> dict[str, Any]:
        """What came for a dossier, in order."""
        with self._lock:
            statuses = self._connection.execute("SELECT status FROM status WHERE code = ? ORDER BY id", (code,))
            came = [row[0] for row in statuses]
            lines = self._connection.execute("SELECT item FROM progress WHERE code = ? ORDER BY id", (code,))
            return {"statuses": came, "progress": [json.loads(row[0]) for row in lines]}

    def counts(self) -> dict[str, int]:
        """How much there is."""
        with self._lock:
            return {
                table: self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("dossier", "status", "progress")
            }

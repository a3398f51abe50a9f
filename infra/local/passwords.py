"""Random passwords of one stack, kept in a file that only its owner can read; stdlib only."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path


class Passwords:
    """Passwords by server and account: made at the first question, the same ever after."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, server: str, account: str) -> str:
        """The account's password: 128 bits in hexadecimal, so that it may stand in a URL, a shell and a form."""
        known = self._read()
        name = f"{server}/{account}"
        if name not in known:
            known[name] = secrets.token_hex(16)
            self._write(known)
        return known[name]

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def _write(self, known: dict[str, str]) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(known, file, indent=2, sort_keys=True)
        draft.replace(self._path)

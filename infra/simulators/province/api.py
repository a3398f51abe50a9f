"""The public HTTP API of dossier as the province's people call it: with tokens of their own, again and again until answered."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import requests

CLIENT = "ioc-cli"
LONGEST_PAUSE_S = 30.0
AWAY = (429, 500, 502, 503, 504)


class Stopped(Exception):
    """The province is to end."""


class Api:
    """One dossier service. `stopping` ends waiting; `log` is told when the service is away and when it is back."""

    def __init__(
        self, url: str, issuer: str, password: str, stopping: threading.Event, log: Callable[[str], None] = print
    ) -> None:
        self.url, self.issuer, self.password = url.rstrip("/"), issuer.rstrip("/"), password
        self.stopping, self.log = stopping, log
        self.session = requests.Session()
        self.tokens: dict[str, str] = {}

    def call(
        self, method: str, path: str, login: str, json: Any = None, key: str | None = None, **query: Any
    ) -> requests.Response:
        """One request as one account; what is away is asked again, with the same Idempotency-Key, until it answers.

        Raises Stopped.
        """
        headers = {"Idempotency-Key": key} if key else {}
        return self._until_answered(
            lambda: self._send(method, path, login, headers, json=json, params=query or None), f"{method} {path}"
        )

    def load(self, path: str, login: str, lines: Callable[[], Iterable[bytes]]) -> requests.Response:
        """Stream NDJSON; `lines` begins anew for every attempt. Raises Stopped."""
        headers = {"Content-Type": "application/x-ndjson"}
        return self._until_answered(
            lambda: self._send("POST", path, login, headers, data=iter(lines()), timeout=600), path
        )

    def pages(self, path: str, login: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list. Raises Stopped."""
        cursor = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            page = self.call("GET", path, login, **query, **more).json()
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _send(self, method: str, path: str, login: str, headers: dict[str, str], **more: Any) -> requests.Response:
        for _ in range(2):
            token = self.tokens.get(login) or self._log_in(login)
            answer = self.session.request(
                method,
                f"{self.url}{path}",
                headers=headers | {"Authorization": f"Bearer {token}"},
                **{"timeout": 30} | more,
            )
            if answer.status_code != 401:
                break
            self.tokens.pop(login)  # it has expired, or the provider has new keys
        return answer

    def _log_in(self, login: str) -> str:
        form = {"grant_type": "password", "client_id": CLIENT, "username": login, "password": self.password}
        answer = self.session.post(f"{self.issuer}/token", data=form, timeout=30)
        answer.raise_for_status()
        self.tokens[login] = answer.json()["access_token"]
        return self.tokens[login]

    def _until_answered(self, send: Callable[[], requests.Response], what: str) -> requests.Response:
        pause, since = 0.5, None
        while True:
            try:
                answer = send()
                if answer.status_code not in AWAY:
                    if since is not None:
                        self.log(f"answered again after {time.monotonic() - since:.0f} s")
                    return answer
                reason = f"HTTP {answer.status_code}"
            except requests.RequestException as error:
                reason = type(error).__name__
            if since is None:
                since = time.monotonic()
                self.log(f"{what}: {reason}; trying again")
            if self.stopping.wait(pause * random.uniform(0.7, 1.3)):
                raise Stopped
            pause = min(LONGEST_PAUSE_S, pause * 2)

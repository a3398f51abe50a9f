"""Speaks to the national portal: logs in, renews an expired session once, tells what an answer means, and bounds it all."""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from prometheus_client import Counter, Histogram

from chassis import logs
from chassis.logs import mask_text
from chassis.settings import EX_CONFIG
from dossier import settings
from dossier.settings import PortalSettings

log = logs.get(__name__)
CALL_SECONDS = Histogram("ioc_portal_call_seconds", "Time in which the portal answered", ["service", "answer"])
LOGINS = Counter("ioc_portal_logins_total", "Log-ins at the portal", ["answer"])
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
REASON = 500
MISCONFIGURED = (301, 302, 303, 307, 308, 403, 404, 405, 407)
PORTAL_BUSY = (429, 503)


class Meaning(enum.Enum):
    """What is known after a call."""

    DONE = "done"
    REFUSED = "refused"  # the portal read it and said no
    UNCLEAR = "unclear"  # no answer, or one that cannot be read: it may have been done
    AWAY = "away"  # the portal cannot be reached or lets nobody in: nothing was done, whatever the dossier
    EXPIRED = "expired"  # the session has ended: log in again


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came of a call; `reason` is bounded and free of sessions and numbers that point at a person."""

    meaning: Meaning
    code: str = ""
    reason: str = ""
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def items(self) -> list[Mapping[str, Any]]:
        """The objects that were asked for: the portal gives a list, or one alone, under one of two names."""
        found = self.said.get("result") or self.said.get("data") or []
        return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, dict)]

    def says(self, words: str) -> bool:
        """Whether the refusal says so, whatever its case."""
        return self.meaning is Meaning.REFUSED and words in self.reason.lower()


def plain_http_elsewhere(url: str) -> bool:
    """Whether an address would carry personal data unprotected over a network."""
    parts = urlsplit(url)
    return parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"))


def account() -> PortalSettings:
    """The account at the portal; stops the process where personal data would cross a network unprotected."""
    options = settings.portal()
    if plain_http_elsewhere(options.url):
        print("settings: PORTAL_URL: must be https:// (http:// only on this machine)", file=sys.stderr)  # noqa: T201
        raise SystemExit(EX_CONFIG)
    return options


class Portal:
    """One account at the portal; threads may share it."""

    def __init__(self, settings: PortalSettings) -> None:
        self.settings = settings
        self._token = ""
        self._login = threading.Lock()
        self._local = threading.local()

    def call(self, service: str, **body: Any) -> Answer:
        """Call a service. An expired session is renewed once. If the new one does not hold either, nothing is known: the
        refusal of one dossier may sound like the end of a session."""
        token, refused = self._entered("")
        if refused:
            return refused
        answer = self._call(token, service, body)
        if answer.meaning is not Meaning.EXPIRED:
            return answer
        token, refused = self._entered(token)
        answer = refused or self._call(token, service, body)
        if answer.meaning is Meaning.EXPIRED:
            return dataclasses.replace(answer, meaning=Meaning.UNCLEAR)
        return answer

    def _call(self, token: str, service: str, body: Mapping[str, Any]) -> Answer:
        whole = {"session": token, "madonvi": self.settings.agency, "service": service, **body}
        started = time.perf_counter()
        answer = self._exchange(self.settings.service_path, whole)
        CALL_SECONDS.labels(service, answer.meaning.value).observe(time.perf_counter() - started)
        return answer

    def _entered(self, stale: str) -> tuple[str, Answer | None]:
        """A session that is not `stale`; of several threads that find it expired, one logs in."""
        with self._login:
            if self._token and self._token != stale:
                return self._token, None
            self._token = ""
            account = {"username": self.settings.username, "password": self.settings.password}
            answer = self._exchange(self.settings.login_path, account)
            token = answer.said.get("session")
            entered = answer.meaning is Meaning.DONE and isinstance(token, str) and 0 < len(token) <= 500
            LOGINS.labels("done" if entered else answer.meaning.value).inc()
            if not entered:
                log.error("the portal did not let us in", meaning=answer.meaning.value, error_code=answer.code)
                return "", Answer(Meaning.AWAY, answer.code, f"log-in: {answer.reason or 'no session in the answer'}")
            self._token = str(token)
            return self._token, None

    def _exchange(self, path: str, body: Mapping[str, Any]) -> Answer:
        try:
            status, raw = self._post(f"{self.settings.url.rstrip('/')}/{path.lstrip('/')}", body)
        except requests.exceptions.ReadTimeout:
            return Answer(Meaning.UNCLEAR, "timeout", "no answer in time")
        except (requests.exceptions.ConnectionError, requests.exceptions.InvalidURL) as error:
            away = isinstance(error, requests.exceptions.SSLError) or _never_connected(error)
            return Answer(Meaning.AWAY if away else Meaning.UNCLEAR, type(error).__name__, "the connection failed")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return Answer(Meaning.UNCLEAR, type(error).__name__, "the answer could not be read")
        return self._read(status, raw)

    def _post(self, url: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        """Send JSON; the whole exchange takes a little more than twice the limit at most, the answer a bounded size."""
        limit_s = self.settings.timeout_s
        ends = time.monotonic() + limit_s
        with self._session.post(
            url,
            data=json.dumps(body, ensure_ascii=False).encode(),
            timeout=(min(limit_s, 5), limit_s),
            stream=True,
            allow_redirects=False,
        ) as response:
            raw = b""
            while chunk := response.raw.read1(65536):
                raw += chunk
                if len(raw) > LARGEST_ANSWER_BYTES or time.monotonic() > ends:
                    raise requests.exceptions.ReadTimeout("an answer too long")
            return response.status_code, raw

    @property
    def _session(self) -> requests.Session:
        """A connection of the thread's own. The environment's proxies, .netrc and certificates do not count here."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.verify = self.settings.ca_file or True
            session.headers["Content-Type"] = "application/json; charset=utf-8"
            session.headers["Accept-Encoding"] = "identity"  # what is bounded is what arrives
        return session

    def _read(self, status: int, raw: bytes) -> Answer:
        """What an answer means: most refusals come with HTTP 200, and its numbers may be texts."""
        if status in PORTAL_BUSY or status in MISCONFIGURED:
            return Answer(Meaning.UNCLEAR if status == 503 else Meaning.AWAY, f"HTTP {status}", "")
        if status == 401:
            return Answer(Meaning.EXPIRED, "HTTP 401", "")
        try:
            said = json.loads(raw.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            said = None
        if status >= 500 or not isinstance(said, dict):
            return Answer(Meaning.REFUSED if 400 <= status < 500 else Meaning.UNCLEAR, f"HTTP {status}", "unreadable")
        code = str(said.get("error_code", "")).strip()
        if code == "0" and status < 400:
            return Answer(Meaning.DONE, code, "", said)
        return self._refusal(code or f"HTTP {status}", said)

    def _refusal(self, code: str, said: Mapping[str, Any]) -> Answer:
        words = str(said.get("message") or said.get("error_message") or said.get("result") or "")
        if self._token:
            words = words.replace(self._token, "***")
        words = mask_text(words)[:REASON].replace("\x00", "")
        expired = any(mark in words.lower() for mark in self.settings.expired_words.lower().split(",") if mark)
        return Answer(Meaning.EXPIRED if expired else Meaning.REFUSED, code[:40], words)


def _never_connected(error: requests.exceptions.RequestException) -> bool:
    """Whether a connection error came before anything was sent."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)

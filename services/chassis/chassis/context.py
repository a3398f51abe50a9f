"""What goes with a request or an event wherever it leads: correlation, cause, trace and caller."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import re
from collections.abc import Iterator

from uuid6 import uuid7

CORRELATION = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who acts: a person with a token, a machine with an API key, or the service itself."""

    subject: str
    role: str = "system"
    unit: str | None = None
    scopes: frozenset[str] = frozenset()
    address: str | None = None

    def may_act_for(self, unit: str) -> bool:
        """True where the caller's unit claim covers the unit (`*` covers all)."""
        return self.unit == "*" or self.unit == unit


SYSTEM = Caller(subject="system")


@dataclasses.dataclass(frozen=True)
class Context:
    """The thread of one business act, from a citizen's click to the last effect."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    caller: Caller = SYSTEM


_current: contextvars.ContextVar[Context | None] = contextvars.ContextVar("context", default=None)


def new_id() -> str:
    """A UUID version 7 (RFC 9562): unique, and ordered by time so that indexes stay dense."""
    return str(uuid7())


def current() -> Context:
    """The running context; outside any request or event, a fresh one."""
    return _current.get() or Context(correlation_id=new_id())


@contextlib.contextmanager
def running(context: Context) -> Iterator[Context]:
    """Make `context` current; log lines carry its correlation id."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def correlation_id() -> str | None:
    """The running context's correlation id, None outside any request or event."""
    running = _current.get()
    return running.correlation_id if running else None


def correlation_from(header: str | None) -> str:
    """The caller's correlation id if it is well formed, else a new one: nobody outside may forge log lines."""
    return header if header and CORRELATION.fullmatch(header) else new_id()

"""Structured logs: one JSON object a line, with the correlation id, and personal data and secrets masked."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from chassis.context import correlation_id
from chassis.personal_data import FIELDS
from chassis.settings import LogSettings

SECRETS = frozenset({"password", "secret", "token", "authorization", "api_key", "cookie", "credentials"})
URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):\S+@")  # up to the last @: cameras have passwords with / and @ in them
EMAIL = re.compile(r"\b([\w.+-])[\w.+-]*@([\w-]+\.[\w.-]+)")
# Telephone, CMND (9 digits) and CCCD (12 digits); the end of a sentence does not hide them.
LONG_NUMBER = re.compile(r"(?<![\w.-])(\+?\d{3})\d{4,7}(\d{2})(?!\w|[.-]\w)")


def mask_text(text: str) -> str:
    """Hide URL passwords, e-mail addresses, telephone and identity numbers inside free text."""
    text = URL_PASSWORD.sub(r"\1:***@", text)
    text = EMAIL.sub(r"\1***@\2", text)
    return LONG_NUMBER.sub(r"\1***\2", text)


def mask(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """structlog processor: values of personal or secret keys become ***, other text is searched for what leaks."""
    for key, value in event.items():
        if key in SECRETS or key in FIELDS:
            event[key] = "***"
        elif not str(key).startswith("_"):  # structlog's own
            event[key] = masked(value)
    return event


def correlated(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """structlog processor: the correlation id of the request or event at work."""
    if correlation := correlation_id():
        event.setdefault("correlation_id", correlation)
    return event


def masked(value: Any) -> Any:
    """The value without what leaks; what is no plain value becomes text, as the renderer would make it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return mask(None, "", dict(value))
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item) for item in value]
    return mask_text(str(value))


def configure(settings: LogSettings, service: str, process: str) -> None:
    """Send every log line, ours and the libraries', through the same processors to standard output."""
    shared: list[Processor] = [
        correlated,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        lambda _l, _m, event: {"service": service, "process": process, **event},
        mask,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
        if settings.format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for noisy in ("amqp", "kombu", "nameko", "urllib3", "sqlalchemy.engine"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; the event is a constant phrase and the data are key-values."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger

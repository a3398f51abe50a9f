"""The environment of notify beyond the chassis'."""

from __future__ import annotations

import dataclasses

from chassis.settings import variable


@dataclasses.dataclass(frozen=True)
class SmtpSettings:
    """The mail server that takes our messages."""

    host: str = variable("SMTP_HOST", "mail server")
    port: int = variable("SMTP_PORT", "its port")
    sender: str = variable("SMTP_SENDER", "address that messages come from")
    security: str = variable("SMTP_SECURITY", "tls, starttls, or none on a trusted network", "starttls")
    username: str = variable("SMTP_USERNAME", "account; empty: none", "")
    password: str = variable("SMTP_PASSWORD", "its password", "", secret=True)
    timeout_s: float = variable("SMTP_TIMEOUT_S", "longest wait for the mail server", 10.0)


@dataclasses.dataclass(frozen=True)
class SendingSettings:
    """How often a message is tried."""

    poll_s: float = variable("SENDER_POLL_S", "pause between looks for messages", 0.2)
    attempts: int = variable("SENDER_ATTEMPTS", "attempts before a message has failed", 10)
    retry_first_s: float = variable("SENDER_RETRY_FIRST_S", "wait before the second attempt; doubles each time", 5.0)
    uncertain_after_s: float = variable("SENDER_UNCERTAIN_AFTER_S", "when a send without outcome is uncertain", 120.0)

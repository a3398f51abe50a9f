"""The process that sends: reserve, commit, call the mail server, record, commit."""

from __future__ import annotations

import datetime
import smtplib
import ssl
import threading
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

import click

from chassis import logs
from chassis.cli import run_loop
from chassis.context import Context, running
from chassis.database import Database, Tx, is_away
from chassis.outbox import announce
from chassis.service import Service
from chassis.settings import read
from notify import store
from notify.domain import Delivery, Outcome, Status, after_attempt
from notify.events import MessageFailed, MessageSent
from notify.settings import SendingSettings, SmtpSettings

log = logs.get(__name__)
BATCH = 20


def email_of(message: Any, smtp: SmtpSettings) -> EmailMessage:
    """The message as RFC 5322 text; its Message-ID is our id, so that a mail server's log leads back to us."""
    email = EmailMessage()
    email["From"] = smtp.sender
    email["To"] = message.email
    email["Subject"] = message.subject
    email["Date"] = format_datetime(message.created_at)
    email["Message-ID"] = f"<{message.id}@{parseaddr(smtp.sender)[1].partition('@')[2]}>"
    email["Auto-Submitted"] = "auto-generated"
    email["X-Correlation-Id"] = message.correlation_id
    email.set_content(message.body)
    return email


class MailServer:
    """One connection, opened at need; a broken one is replaced at the next message."""

    def __init__(self, settings: SmtpSettings) -> None:
        self.settings = settings
        self.connection: smtplib.SMTP | None = None

    def send(self, email: EmailMessage) -> tuple[Delivery, str]:
        """Hand one message over; says what is known of it, and in the server's words why."""
        try:
            connection = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            return self._lost(Delivery.TRY_LATER, error)
        try:
            connection.send_message(email)
            return Delivery.ACCEPTED, "accepted"
        except smtplib.SMTPRecipientsRefused as error:
            code, reason = next(iter(error.recipients.values()))
            return self._refused(code, reason)
        except smtplib.SMTPResponseException as error:
            return self._refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError as error:  # an address with accents; nothing was said to the server yet
            return Delivery.REFUSED, str(error)[:500]
        except (OSError, smtplib.SMTPException) as error:
            return self._lost(Delivery.UNKNOWN, error)

    def _connected(self) -> smtplib.SMTP:
        if self.connection is not None:
            try:
                if self.connection.noop()[0] == 250:
                    return self.connection
            except (OSError, smtplib.SMTPException):
                pass  # the server closed an idle connection: open another
        self.connection = self._open()
        return self.connection

    def _open(self) -> smtplib.SMTP:
        settings = self.settings
        context = ssl.create_default_context()
        if settings.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout_s, context=context
            )
        else:
            connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
        if settings.security == "starttls":
            connection.starttls(context=context)
        if settings.username:
            connection.login(settings.username, settings.password)
        return connection

    def _refused(self, code: int, reason: bytes | str) -> tuple[Delivery, str]:
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
        return (Delivery.TRY_LATER if 400 <= code < 500 else Delivery.REFUSED), f"{code} {text}"[:500]

    def _lost(self, delivery: Delivery, error: Exception) -> tuple[Delivery, str]:
        self.connection = None
        return delivery, f"{type(error).__name__}: {error}"[:500]


class Sender:
    """Sends what is due until told to stop; several may run, no message is reserved by two."""

    def __init__(self, database: Database, smtp: SmtpSettings, settings: SendingSettings) -> None:
        self.database = database
        self.smtp = smtp
        self.settings = settings
        self.server = MailServer(smtp)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Look, send, pause."""
        while not self.stopping.is_set():
            try:
                if self.send_due() == 0:
                    self.stopping.wait(self.settings.poll_s)
            except Exception as error:
                if not is_away(error):
                    log.exception("sender failed")
                self.stopping.wait(1.0)

    def send_due(self) -> int:
        """One round: settle what a dead sender left, reserve a batch, send it. Returns how many were reserved."""
        with self.database.transaction() as tx:
            for message in store.forsaken(tx, self.settings.uncertain_after_s):
                self._record(tx, message, Outcome(Status.UNCERTAIN), "the sender stopped before it knew")
            claimed = store.claim(tx, BATCH)
        for message in claimed:
            delivery, detail = self._deliver(message)
            now = datetime.datetime.now(datetime.UTC)
            outcome = after_attempt(
                delivery, message.attempts, self.settings.attempts, self.settings.retry_first_s, now
            )
            with self.database.transaction() as tx, running(Context(message.correlation_id, causation_id=message.id)):
                self._record(tx, message, outcome, detail)
        return len(claimed)

    def _deliver(self, message: Any) -> tuple[Delivery, str]:
        try:
            email = email_of(message, self.smtp)
        except ValueError as error:  # no other letter of the batch must wait for it
            return Delivery.REFUSED, f"no letter can be made of it: {error}"[:500]
        return self.server.send(email)

    def _record(self, tx: Tx, message: Any, outcome: Outcome, detail: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        if not store.record(tx, message.id, outcome, detail, now):
            return
        data = {
            "message_id": message.id,
            "reference": message.reference,
            "template": message.template,
            "channel": "email",
        }
        if outcome.status is Status.SENT:
            announce(tx, MessageSent, message.id, data | {"sent_at": now})
        elif outcome.status in (Status.FAILED, Status.UNCERTAIN):
            announce(tx, MessageFailed, message.id, data | {"outcome": outcome.status, "failed_at": now})
        log.info("message", message_id=message.id, status=outcome.status, detail=detail)


@click.command()
@click.pass_obj
def sender(service: Service) -> None:
    """Send messages through the mail server."""
    run_loop(service, "sender", lambda database: Sender(database, read(SmtpSettings), read(SendingSettings)))

"""What the sender makes of a mail server's answers: refusals for now and for good, silence after the words, dead connections."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any, cast

import pytest

from notify.domain import Delivery
from notify.sender import MailServer, Sender
from notify.settings import SmtpSettings

CUT = ""  # instead of an answer the connection ends


class Server(socketserver.ThreadingTCPServer):
    """A mail server that answers each command as a test says, and otherwise as it should."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.answers = {"RCPT": "250 ok", "MAIL": "250 ok", ".": "250 taken"}
        self.connections = 0
        self.taken: list[bytes] = []

    @property
    def settings(self) -> SmtpSettings:
        return SmtpSettings(
            host="127.0.0.1", port=self.server_address[1], sender="a@example.vn", security="none", timeout_s=5
        )


class Conversation(socketserver.StreamRequestHandler):
    """One connection, to its end."""

    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(OSError):
            self.say("220 here")
            while line := self.rfile.readline():
                verb = line.split()[0].decode().upper()
                if verb == "DATA":
                    self.say("354 go on")
                    letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.taken.append(letter)
                    verb = "."
                answer = self.server.answers.get(verb, "250 ok")
                if answer == CUT:
                    return
                self.say(answer)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


def letter() -> EmailMessage:
    email = EmailMessage()
    email["From"], email["To"], email["Subject"] = "a@example.vn", "b@example.vn", "Đã nhận hồ sơ"
    email.set_content("Kính gửi ông/bà")
    return email


def test_a_letter_is_handed_over_and_the_next_one_takes_the_same_connection(server: Server) -> None:
    mail = MailServer(server.settings)
    assert [mail.send(letter()) for _ in range(2)] == [(Delivery.ACCEPTED, "accepted")] * 2
    assert (len(server.taken), server.connections) == (2, 1)


@pytest.mark.parametrize(
    ("command", "answer", "delivery"),
    [
        ("RCPT", "450 mailbox busy", Delivery.TRY_LATER),
        ("RCPT", "550 no such user", Delivery.REFUSED),
        ("MAIL", "451 greylisted", Delivery.TRY_LATER),
        ("MAIL", "553 not you", Delivery.REFUSED),
        (".", "452 disk full", Delivery.TRY_LATER),
        (".", "554 looks like spam", Delivery.REFUSED),
    ],
)
def test_a_refusal_is_for_now_or_for_good_as_its_code_says(
    server: Server, command: str, answer: str, delivery: Delivery
) -> None:
    server.answers[command] = answer
    mail = MailServer(server.settings)
    assert mail.send(letter()) == (delivery, answer)
    server.answers[command] = "250 ok"
    assert mail.send(letter())[0] is Delivery.ACCEPTED, "the next letter is not refused with it"


def test_a_connection_that_ends_after_the_words_leaves_it_unknown_whether_they_were_taken(server: Server) -> None:
    server.answers["."] = CUT
    mail = MailServer(server.settings)
    delivery, why = mail.send(letter())
    assert (delivery, len(server.taken)) == (Delivery.UNKNOWN, 1)
    assert why
    server.answers["."] = "250 taken"
    assert mail.send(letter())[0] is Delivery.ACCEPTED


def test_an_idle_connection_that_the_server_ended_is_replaced(server: Server) -> None:
    mail = MailServer(server.settings)
    mail.send(letter())
    server.answers["NOOP"] = CUT
    assert mail.send(letter())[0] is Delivery.ACCEPTED
    assert (len(server.taken), server.connections) == (2, 2)


def test_where_nobody_listens_it_is_tried_later(server: Server) -> None:
    settings: Any = server.settings
    server.shutdown()
    server.server_close()
    delivery, why = MailServer(settings).send(letter())
    assert delivery is Delivery.TRY_LATER
    assert "Connection refused" in why


def test_an_address_that_the_server_cannot_take_is_refused_and_not_unknown(server: Server) -> None:
    mail, email = MailServer(server.settings), letter()
    email.replace_header("To", "lò@example.vn")
    delivery, why = mail.send(email)
    assert (delivery, server.taken) == (Delivery.REFUSED, [])
    assert "SMTPUTF8" in why
    assert mail.send(letter())[0] is Delivery.ACCEPTED


def test_what_no_letter_can_be_made_of_is_refused(server: Server) -> None:
    sender = Sender(cast(Any, None), server.settings, cast(Any, None))
    message = SimpleNamespace(
        id="1", email="b@example.vn", subject="hai\ndòng", body="", correlation_id="c", created_at=datetime.now(UTC)
    )
    delivery, why = sender._deliver(message)
    assert (delivery, server.connections) == (Delivery.REFUSED, 0)
    assert "no letter" in why

"""A local SMTP server that delivers nothing: it keeps every message as a file and shows it on a page and as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import email
import email.policy
import email.utils
import os
import re
import time
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, Response, abort, jsonify, render_template, request

from infra.local.pages import application, serve
from infra.local.stack import HOST

LARGEST_MESSAGE_BYTES = 20_000_000
MOST_LISTED = 500
HERE = ZoneInfo("Asia/Ho_Chi_Minh")
_NAME = re.compile(r"[0-9]{20}-[0-9a-f]{8}")


@dataclasses.dataclass(frozen=True)
class Message:
    """One kept message; `to` are the envelope's recipients, hidden ones included."""

    id: str
    received_at: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    attachments: tuple[tuple[str, int], ...]

    @property
    def local_time(self) -> str:
        at = datetime.datetime.fromisoformat(self.received_at).astimezone(HERE)
        return at.strftime("%H:%M:%S %d/%m/%Y")


class Mailbox:
    """The kept messages: one `.eml` file each, named by the time of arrival, so that names sort as they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, sender: str, to: list[str], content: bytes) -> str:
        """Store one message, with its envelope in the headers that a mail server would write; the answer is its id."""
        name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {address}" for address in to)]
        draft = self._folder / f"{name}.draft"
        draft.write_bytes("\r\n".join([*envelope, ""]).encode() + content)
        draft.replace(self._folder / f"{name}.eml")
        return name

    def ids(self) -> list[str]:
        """Newest first."""
        return sorted((path.stem for path in self._folder.glob("*.eml")), reverse=True)

    def read(self, name: str) -> Message | None:
        raw = self.raw(name)
        return _parsed(name, raw) if raw is not None else None

    def raw(self, name: str) -> bytes | None:
        if not _NAME.fullmatch(name):
            return None
        try:
            return (self._folder / f"{name}.eml").read_bytes()
        except FileNotFoundError:
            return None

    def messages(self, to: str = "", limit: int = MOST_LISTED) -> list[Message]:
        """The newest messages, those to one address if it is given."""
        found: list[Message] = []
        for name in self.ids():
            message = self.read(name)
            if message and (not to or to.lower() in (address.lower() for address in message.to)):
                found.append(message)
            if len(found) == limit:
                break
        return found

    def empty(self) -> int:
        names = self.ids()
        for name in names:
            (self._folder / f"{name}.eml").unlink(missing_ok=True)
        return len(names)


def _parsed(name: str, raw: bytes) -> Message:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)  # what the default policy makes
    received = datetime.datetime.fromtimestamp(int(name[:20]) / 1e9, tz=datetime.UTC)
    attachments = [
        (part.get_filename() or "", len(part.get_payload(decode=True) or b"")) for part in parsed.iter_attachments()
    ]
    return Message(
        id=name,
        received_at=received.isoformat(timespec="milliseconds"),
        sender=str(parsed.get("From", "")),
        to=tuple(str(address) for address in parsed.get_all("Delivered-To", [])),
        subject=str(parsed.get("Subject", "")),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        attachments=tuple(attachments),
    )


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a charset that nobody knows
        return (part.get_payload(decode=True) or b"").decode(errors="replace")  # type: ignore[union-attr]


class _Door:
    """What aiosmtpd calls when a message has arrived."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        name = self._mailbox.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        return f"250 2.0.0 kept as {name}"


def create_app(mailbox: Mailbox) -> Flask:
    """The page in Vietnamese and the JSON API."""
    app = application(__name__)

    @app.get("/")
    def index() -> str:
        to = request.args.get("to", "").strip()
        return render_template("mailbox.html", messages=mailbox.messages(to), to=to, most=MOST_LISTED)

    @app.get("/messages/<name>")
    def show(name: str) -> str:
        return render_template("message.html", message=mailbox.read(name) or abort(404))

    @app.get("/messages/<name>.eml")
    def raw(name: str) -> Response:
        content = mailbox.raw(name)
        return Response(content, mimetype="message/rfc822") if content is not None else abort(404)

    @app.get("/api/messages")
    def messages() -> Response:
        limit = request.args.get("limit", MOST_LISTED, type=int)
        chosen = mailbox.messages(request.args.get("to", "").strip(), max(1, min(limit, MOST_LISTED)))
        return jsonify({"messages": [_as_json(message) for message in chosen]})

    @app.get("/api/messages/<name>")
    def message(name: str) -> Response:
        return jsonify(_as_json(mailbox.read(name) or abort(404)))

    @app.delete("/api/messages")
    def empty() -> Response:
        return jsonify({"deleted": mailbox.empty()})

    return app


def _as_json(message: Message) -> dict[str, object]:
    plain = dataclasses.asdict(message)
    plain["attachments"] = [{"name": name, "size_bytes": size} for name, size in message.attachments]
    return plain


def main() -> None:
    mailbox = Mailbox(Path(os.environ["MAILBOX_FOLDER"]))
    door = Controller(
        _Door(mailbox),
        hostname=HOST,
        port=int(os.environ["SMTP_PORT"]),
        server_hostname="mailbox.localhost",
        data_size_limit=LARGEST_MESSAGE_BYTES,
        enable_SMTPUTF8=True,
    )
    door.start()
    print(f"mailbox: SMTP on {HOST}:{os.environ['SMTP_PORT']}, page on {HOST}:{os.environ['HTTP_PORT']}", flush=True)
    try:
        serve(create_app(mailbox), int(os.environ["HTTP_PORT"]))
    finally:
        door.stop()


if __name__ == "__main__":
    main()

"""Messages and what may become of them; pure."""

from __future__ import annotations

import dataclasses
import datetime
import enum


class Status(enum.StrEnum):
    """created → sending → sent | failed | uncertain; a temporary failure leads back to created."""

    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Delivery(enum.Enum):
    """What the mail server said of one attempt."""

    ACCEPTED = "accepted"
    TRY_LATER = "try later"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The next state of a message; `retry_at` only where it will be tried again."""

    status: Status
    retry_at: datetime.datetime | None = None


def after_attempt(delivery: Delivery, attempts: int, most: int, first_s: float, now: datetime.datetime) -> Outcome:
    """What follows from an attempt, the `attempts`-th.

    A send that was cut off after the message went out is never repeated by itself: telling a citizen twice that a
    dossier was refused is worse than letting a person look at what the mail server did.
    """
    if delivery is Delivery.ACCEPTED:
        return Outcome(Status.SENT)
    if delivery is Delivery.UNKNOWN:
        return Outcome(Status.UNCERTAIN)
    if delivery is Delivery.REFUSED or attempts >= most:
        return Outcome(Status.FAILED)
    return Outcome(Status.CREATED, now + datetime.timedelta(seconds=first_s * 2 ** (attempts - 1)))


def mask_email(email: str) -> str:
    """`n***@example.vn`: enough to recognise, too little to use."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"

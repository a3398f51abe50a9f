"""What the section `post` needs to know of a web process that it measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BODY = {"procedure": "1.004193.000.00.00.H17", "unit": "H17.01", "channel": "counter", "applicant": "Lò Thị Mai"}


@dataclass(frozen=True)
class Web:
    """A process that answers POST `url` with 201; `rows` is a query that counts what it has written."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    url: str
    body: Mapping[str, Any]
    token: str | None
    idempotency_keys: bool
    database_url: str
    rows: str

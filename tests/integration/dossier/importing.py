"""Lines of imports for tests: histories of dossiers as another one-stop system keeps them."""

from __future__ import annotations

import json
from typing import Any

APPLICANT = {"full_name": "Nguyễn Văn An", "email": "an@example.com"}


def act(name: str, at: str, **body: Any) -> dict[str, Any]:
    """One act of a history at a local time (`2021-10-12T09:00`)."""
    return {"act": name, "at": f"{at}:00+07:00", **body}


def finished() -> list[dict[str, Any]]:
    """From acceptance through a supplement to the citizen's hand."""
    return [
        act("accept", "2021-10-12T09:10"),
        act("request-supplement", "2021-10-13T10:00", reason="Thiếu bản sao giấy khai sinh"),
        act("receive-supplement", "2021-10-20T08:30"),
        act("forward", "2021-10-20T09:00", actor="Lò Thị Hương"),
        act("complete", "2021-10-28T15:00"),
        act("return-result", "2021-10-29T08:00"),
    ]


def line(source_code: str = "HS-1", acts: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A line; finished in 2021 unless told otherwise."""
    return {
        "source_code": source_code,
        "procedure": "2.000488",
        "unit": "H52.17",
        "filed_at": "2021-10-12T09:00:00+07:00",
        "applicant": APPLICANT,
        "acts": finished() if acts is None else acts,
    } | more


def ndjson(*lines: Any) -> bytes:
    """Lines as a body; text and bytes go in as they are."""
    made = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    return b"\n".join(made) + b"\n"

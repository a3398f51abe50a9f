"""Tells text that every store of ours can keep from text that none can: U+0000 and lone surrogates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def is_storable(text: str) -> bool:
    """False for what PostgreSQL and UTF-8 refuse."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def may_be_unstorable(text: bytes) -> bool:
    """False where no string of this JSON text can be: it is UTF-8 and has no escapes, which alone bring such characters
    in."""
    try:
        return "\\u" in text.decode()
    except UnicodeDecodeError:
        return True


def unstorable(value: Any, place: str = "") -> Sequence[str]:
    """The places in a JSON value where a string, or the key of an object, cannot be kept."""
    if isinstance(value, str):
        return [] if is_storable(value) else [place or "body"]
    if isinstance(value, dict):
        items = [(f"{place}.{key}" if place else key, item) for key, item in value.items()]
        items += [(f"{place}.key" if place else "key", key) for key in value]
    elif isinstance(value, list):
        items = [(f"{place}.{index}", item) for index, item in enumerate(value)]
    else:
        return []
    return [found for where, item in items for found in unstorable(item, where)]


def cleaned(text: str) -> str:
    """The text with a replacement for every character that cannot be kept."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")

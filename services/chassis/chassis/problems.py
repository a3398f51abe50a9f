"""Errors as people and programs read them: application/problem+json (RFC 9457) that names the field and the rule."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success. `errors` maps a field's place to what is wrong with it; extras become members."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: Any = None,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {"type": f"urn:ioc:problem:{code}" if code else "about:blank"}
        self.body |= {"title": title, "status": status}
        optional = {"detail": detail, "errors": errors, **members}
        self.body |= {name: value for name, value in optional.items() if value is not None}


class FieldErrorSchema(Schema):
    """One field that was refused."""

    field = fields.String(required=True, metadata={"description": "place of the value, such as `steps.0.unit`"})
    rule = fields.String(required=True)


class ProblemSchema(Schema):
    """RFC 9457 problem details."""

    type = fields.String(metadata={"description": "URI of the kind of problem"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String()
    instance = fields.String(metadata={"description": "correlation id of the request"})
    errors = fields.List(fields.Nested(FieldErrorSchema))


def field_errors(messages: Any, place: str = "") -> list[dict[str, str]]:
    """Flatten marshmallow's nested messages into a list of {field, rule}."""
    if isinstance(messages, dict):
        found = []
        for name, inner in messages.items():
            inside = place if name == "_schema" else f"{place}.{name}" if place else str(name)
            found += field_errors(inner, inside)
        return found
    if isinstance(messages, list | tuple):
        return [error for inner in messages for error in field_errors(inner, place)]
    return [{"field": place or "body", "rule": str(messages)}]

"""Renders templates in a sandbox: a missing value is an error, and the text stays bounded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_TEXT = 20_000

ENVIRONMENT = ImmutableSandboxedEnvironment(
    loader=jinja2.PackageLoader("notify"),
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # plain text, no markup
    trim_blocks=True,
    keep_trailing_newline=True,
)


class UnknownTemplate(LookupError):
    """No template has this name."""


class TemplateRefused(ValueError):
    """The values do not fill the template."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A rendered message in plain text."""

    subject: str
    body: str


def render(template: str, values: Mapping[str, str]) -> Text:
    """Fill `<template>.txt`; the first line is the subject. Raises UnknownTemplate, TemplateRefused with the value."""
    try:
        whole = ENVIRONMENT.get_template(f"{template}.txt").render(values)
    except jinja2.TemplateNotFound:
        raise UnknownTemplate(template) from None
    except jinja2.TemplateError as error:
        raise TemplateRefused(f"{template}: {error}") from None
    subject, _, body = whole.partition("\n")
    return Text(" ".join(subject.split())[:200], body.lstrip("\n")[:LONGEST_TEXT])

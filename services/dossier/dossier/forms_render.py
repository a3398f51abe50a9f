"""Renders printed forms: HTML by Jinja, PDF of the same HTML by WeasyPrint with fonts of our own; same values, same bytes."""

from __future__ import annotations

import functools
import io
import threading
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import segno
from markupsafe import Markup

from dossier import forms_text

FONTS = Path(__file__).with_name("fonts")
SIZES = ("a4", "a5")
_ONE_AT_A_TIME = threading.Lock()
"""Pango's font map and our parsed fonts are shared by the threads of a web process."""


class NoPrinter(RuntimeError):
    """WeasyPrint cannot work here: a library of the system is missing; the text names it."""


def _composed(value: Any) -> Any:
    """Text in its composed form, for which fonts have a glyph of its own."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) and not isinstance(value, Markup) else value


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("dossier", "templates/forms"),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    finalize=_composed,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {"day": forms_text.day, "long_day": forms_text.long_day, "hour": forms_text.hour}


def html(values: Mapping[str, Any], size: str, secret: str | None = None) -> str:
    """A form as a page that prints itself on paper of `size`; `secret` goes on the citizen's copy of the receipt."""
    form = values["form"]
    template = ENVIRONMENT.get_template(f"{form.number}.html")
    return template.render(
        values, size=size, wide=form.wide, secret=secret, qr=_qr(values["code"]) if values["code"] else ""
    )


def _qr(code: str) -> Markup:
    """The dossier code as a picture that scanners at the counter read; medium error correction."""
    picture = io.BytesIO()
    segno.make(code, error="m", micro=False).save(
        picture, kind="svg", xmldecl=False, svgns=True, border=0, svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(picture.getvalue().decode().strip())  # noqa: S704 — segno writes numbers only


def pdf(page: str) -> bytes:
    """The PDF of a page of `html`. Fetches nothing but our fonts. Raises NoPrinter."""
    with _ONE_AT_A_TIME:
        weasyprint, fonts, faces = _printer()
        nothing = weasyprint.urls.URLFetcher(allowed_protocols=())
        document = weasyprint.HTML(string=page, url_fetcher=nothing)
        written: bytes = document.write_pdf(stylesheets=[faces], font_config=fonts)
        return written


@functools.cache
def _printer() -> tuple[Any, Any, Any]:
    """WeasyPrint, loaded by the first PDF that a process writes: it takes half a second and some memory."""
    try:
        import weasyprint
        import weasyprint.urls
        from weasyprint.text.fonts import FontConfiguration
    except OSError as error:
        raise NoPrinter(str(error)) from None
    fonts = FontConfiguration()
    faces = "".join(
        f"@font-face {{ font-family: Form; font-weight: {weight}; font-style: {style};"
        f" src: url({(FONTS / name).as_uri()}) }}\n"
        for name, weight, style in (
            ("LiberationSerif-Regular.ttf", 400, "normal"),
            ("LiberationSerif-Bold.ttf", 700, "normal"),
            ("LiberationSerif-Italic.ttf", 400, "italic"),
        )
    )
    return weasyprint, fonts, weasyprint.CSS(string=faces, font_config=fonts)

"""HTTP in: the sites where cameras watch."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from flask import Response

from chassis import paging
from chassis.auth import public, require
from chassis.database import Tx
from chassis.settings import read
from chassis.web import Blueprint, check_if_match, etag, transactional
from ipcam import registry, store
from ipcam.settings import RetentionSettings
from ipcam.site_schemas import NewSite, SiteChange, SitePage, SiteSchema

blueprint = Blueprint("sites", "sites", description="Quarantine sites")
NOTICE = Path(__file__).with_name("static") / "notice.html"


@blueprint.route("/v1/sites", methods=["POST"])
@require("camera:write")
@transactional
@blueprint.arguments(NewSite)
@blueprint.response(201, SiteSchema)
def add_site(tx: Tx, body: dict[str, Any]) -> Any:
    """Add a site of the caller's unit or of one below it."""
    row = registry.add_site(tx, body)
    return row, 201, {"Location": f"/v1/sites/{row.code}"} | etag(row.version)


@blueprint.route("/v1/sites")
@require("camera:read")
@transactional
@blueprint.arguments(paging.PageArguments, location="query")
@blueprint.response(200, SitePage)
def list_sites(tx: Tx, query: dict[str, Any]) -> Any:
    """The sites that the caller may see."""
    after = paging.decode(query["cursor"], "")
    rows = store.list_sites(tx, registry.unit(), after, query["limit"] + 1)
    return paging.page(rows, query["limit"], lambda row: row.code)


@blueprint.route("/v1/sites/<code>")
@require("camera:read")
@transactional
@blueprint.response(200, SiteSchema)
def show_site(tx: Tx, code: str) -> Any:
    """One site."""
    row = store.get_site(tx, code, registry.unit())
    return row, 200, etag(row.version)


@blueprint.route("/v1/sites/<code>", methods=["PATCH"])
@require("camera:write")
@transactional
@blueprint.arguments(SiteChange)
@blueprint.response(200, SiteSchema)
def change_site(tx: Tx, body: dict[str, Any], code: str) -> Any:
    """Change a site."""
    row = store.lock_site(tx, code, registry.unit())
    check_if_match(row.version)
    changed = registry.change_site(tx, row, body)
    return changed, 200, etag(changed.version)


@blueprint.route("/v1/sites/<code>/notice")
@public
@transactional
@blueprint.alt_response(200, content_type="text/html", description="What people who are filmed are told")
def show_notice(tx: Tx, code: str) -> Response:
    """What people who are filmed are told (NĐ 13/2023, art. 18): a page for the sign at the gate, which anybody may read."""
    site, kept = store.get_site(tx, code, "*"), read(RetentionSettings)
    words = {name: html.escape(str(getattr(site, name))) for name in ("code", "name", "unit", "cameras")}
    text = NOTICE.read_text().format(**words, on_demand=f"{kept.on_demand_days:g}", event=f"{kept.event_days:g}")
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(text, headers=headers, content_type="text/html; charset=utf-8")

"""The shapes of sites and of planned outages over HTTP."""

from __future__ import annotations

import re

from marshmallow import Schema, fields, validate

from chassis import paging

CODE = validate.Regexp(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z"), error="letters, digits, . _ - ; at most 60")
UNIT = validate.Regexp(re.compile(r"[A-Z][A-Z0-9]*(\.[A-Z0-9]+)*\Z"), error="a unit's code, such as H52.17")


class SiteChange(Schema):
    """What may change of a site."""

    name = fields.String(validate=validate.Length(1, 200))
    unit = fields.String(validate=UNIT, metadata={"description": "the unit whose officers may see it"})
    operator_name = fields.String(allow_none=True, validate=validate.Length(1, 200))
    operator_email = fields.Email(allow_none=True, metadata={"description": "who is told of faults"})


class NewSite(SiteChange):
    """A site to be added."""

    code = fields.String(required=True, validate=CODE)
    name = fields.String(required=True, validate=validate.Length(1, 200))
    unit = fields.String(required=True, validate=UNIT)
    operator_name = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 200))
    operator_email = fields.Email(load_default=None, allow_none=True)


class SiteSchema(NewSite):
    """A site where cameras watch."""

    cameras = fields.Integer()
    version = fields.Integer()


class SitePage(Schema):
    """A page of sites."""

    items = fields.List(fields.Nested(SiteSchema))
    next = fields.String(allow_none=True)


class NewMaintenance(Schema):
    """An outage to be planned; without a camera it is the whole site's."""

    site = fields.String(required=True, validate=CODE)
    camera = fields.UUID(load_default=None, allow_none=True)
    starts_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    reason = fields.String(required=True, validate=validate.Length(1, 300))


class MaintenanceSchema(Schema):
    """A planned outage."""

    id = fields.UUID()
    site = fields.String()
    camera = fields.UUID(allow_none=True)
    starts_at = fields.AwareDateTime()
    ends_at = fields.AwareDateTime()
    reason = fields.String()
    planned_by = fields.String()
    cancelled_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()


class MaintenanceArguments(paging.PageArguments):
    """Query of planned outages."""

    site = fields.String(load_default=None)
    ends_after = fields.AwareDateTime(load_default=None, metadata={"description": "default: now"})


class MaintenancePage(Schema):
    """A page of planned outages."""

    items = fields.List(fields.Nested(MaintenanceSchema))
    next = fields.String(allow_none=True)

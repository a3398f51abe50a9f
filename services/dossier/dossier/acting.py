"""What each business act brings, and the verb of the domain that does it; live acts and replayed histories alike."""

from __future__ import annotations

import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from dossier.domain import interruptions, lifecycle, reappointment
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.facts import Done
from dossier.domain.refusals import Act
from dossier.spans import DAY, TIME

TEXT = validate.Length(1, 2000)


class PersonSchema(Schema):
    """Who files."""

    full_name = fields.String(required=True, validate=validate.Length(1, 200))
    email = fields.Email(load_default=None, validate=validate.Length(max=254))
    phone = fields.String(load_default=None, validate=validate.Regexp(r"\+?\d{8,15}\Z", error="8 to 15 digits"))
    identity_number = fields.String(
        load_default=None, validate=validate.Regexp(r"(\d{9}|\d{12})\Z", error="CMND has 9 digits, CCCD 12")
    )
    address = fields.String(load_default=None, validate=validate.Length(max=500))


class Nothing(Schema):
    """An act that brings nothing but itself."""


class Reason(Schema):
    """An act that gives its reason."""

    reason = fields.String(required=True, validate=TEXT)


class SupplementRequest(Reason):
    """What is missing, and until when it is awaited."""

    respond_by = fields.Date(load_default=None, validate=DAY)


class Amount(Schema):
    """Money."""

    amount = fields.Integer(required=True, validate=validate.Range(1, 10**12), metadata={"description": "đồng"})


class Acceptance(Schema):
    """Whether a receipt (form 01) is issued."""

    receipt = fields.Boolean(load_default=True)


class OnTheSpot(Schema):
    """No receipt is issued for what is handed over at once, unless it is asked for (NĐ 61/2018, art. 17(4))."""

    receipt = fields.Boolean(load_default=False)


class Apology(Reason):
    """A letter of apology with a new date (NĐ 61/2018, art. 19(9))."""

    letter = fields.String(
        load_default=None,
        validate=validate.Length(1, 10_000),
        metadata={"description": "default: the words of form 04; GET /v1/dossiers/{code}/apology-letter shows them"},
    )
    due_at = fields.AwareDateTime(required=True, validate=TIME)


def perform(act: Act, dossier: Dossier, at: datetime.datetime, calendars: Calendars, body: dict[str, Any]) -> Done:
    """The domain's verb of an act."""
    match act:
        case Act.ACCEPT:
            return lifecycle.accept(dossier, at, calendars, **body)
        case Act.REJECT:
            return lifecycle.reject(dossier, at, **body)
        case Act.REQUEST_SUPPLEMENT:
            return interruptions.request_supplement(dossier, at, calendars, **body)
        case Act.RECEIVE_SUPPLEMENT:
            return interruptions.receive_supplement(dossier, at, calendars)
        case Act.REQUIRE_PAYMENT:
            return interruptions.require_payment(dossier, at, **body)
        case Act.RECORD_PAYMENT:
            return interruptions.record_payment(dossier, at, calendars, **body)
        case Act.FORWARD:
            return lifecycle.forward(dossier, at, calendars)
        case Act.PROPOSE_APOLOGY:
            return reappointment.propose_apology(dossier, at, **body)
        case Act.APPROVE_APOLOGY:
            return reappointment.approve_apology(dossier, at, calendars)
        case Act.DECLINE_APOLOGY:
            return reappointment.decline_apology(dossier, at, **body)
        case Act.EXTEND:
            return reappointment.extend(dossier, at, calendars, **body)
        case Act.STOP:
            return lifecycle.stop(dossier, at, **body)
        case Act.WITHDRAW:
            return lifecycle.withdraw(dossier, at)
        case Act.COMPLETE:
            return lifecycle.complete(dossier, at, calendars)
        case Act.RETURN_RESULT:
            return lifecycle.return_result(dossier, at)
        case Act.RESOLVE_ON_THE_SPOT:
            return lifecycle.resolve_on_the_spot(dossier, at, calendars, **body)


BODIES: dict[Act, type[Schema]] = {
    Act.ACCEPT: Acceptance,
    Act.REJECT: Reason,
    Act.REQUEST_SUPPLEMENT: SupplementRequest,
    Act.REQUIRE_PAYMENT: Amount,
    Act.RECORD_PAYMENT: Amount,
    Act.PROPOSE_APOLOGY: Apology,
    Act.DECLINE_APOLOGY: Reason,
    Act.EXTEND: Apology,
    Act.STOP: Reason,
    Act.RESOLVE_ON_THE_SPOT: OnTheSpot,
}

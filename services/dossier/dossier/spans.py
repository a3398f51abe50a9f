"""The years in which the calendar can count, as rules of fields."""

from __future__ import annotations

import datetime

from marshmallow import validate

from dossier.calendars import FIRST_YEAR, LAST_YEAR

# A day inside the calendar's own ends, so that a day before or after a moment is still counted.
EARLIEST = datetime.datetime(FIRST_YEAR, 1, 2, tzinfo=datetime.UTC)
LATEST = datetime.datetime(LAST_YEAR, 12, 30, tzinfo=datetime.UTC)
_RULE = f"Chỉ tính được từ năm {FIRST_YEAR} đến năm {LAST_YEAR}"
TIME = validate.Range(EARLIEST, LATEST, error=_RULE)
DAY = validate.Range(EARLIEST.date(), LATEST.date(), error=_RULE)

"""Finds the open dossiers that will be late unless somebody acts, and writes the letter of apology that form 04 asks
for."""

from __future__ import annotations

import dataclasses
import datetime

from chassis.database import Tx
from dossier import catalogue, reading, store, watch_store
from dossier.calendars import OverrideRow, unit_calendar
from dossier.domain.acts import allowed_acts
from dossier.domain.calendar import Calendar
from dossier.domain.instants import SECONDS_PER_DAY, VIETNAM, instant, local_day, moment
from dossier.domain.promises import Kind
from dossier.domain.refusals import Act
from dossier.domain.remaining import later, remaining
from dossier.store import Record

# Two keyset scans, each by an index in the order of due dates: those that are near, and those that are further away but
# whose remaining steps no longer fit. What is overdue already is foreseen no more.
LIST = f"""
(SELECT d.code, d.due_at, false AS too_little FROM dossier d
 WHERE d.status IN (2, 4) AND d.due_at >= %(today)s AND d.due_at <= %(near)s AND (d.due_at, d.code) > (%(due)s, %(code)s)
 AND (%(units)s::text[] IS NULL OR d.unit = ANY(%(units)s))
 ORDER BY d.due_at, d.code LIMIT %(limit)s)
UNION ALL
(SELECT d.code, d.due_at, true FROM promise p JOIN dossier d USING (code)
 WHERE p.kind = '{Kind.BREACH_FORESEEN.value}' AND p.fires_at <= now() AND p.state <> 'still' AND d.status IN (2, 4)
 AND p.promised_at > %(near)s AND (p.promised_at, p.code) > (%(due)s, %(code)s)
 AND (%(units)s::text[] IS NULL OR d.unit = ANY(%(units)s))
 ORDER BY p.promised_at, p.code LIMIT %(limit)s)
ORDER BY due_at, code LIMIT %(limit)s
"""
FORESEEN = f"""
SELECT code FROM promise
WHERE code = ANY(%(codes)s) AND kind = '{Kind.BREACH_FORESEEN.value}' AND fires_at <= now() AND state <> 'still'
"""
OVERRIDES = "SELECT day, works, reason, hours FROM calendar_override WHERE unit IS NULL"
LETTER = """\
{unit_name} đã tiếp nhận hồ sơ đề nghị giải quyết thủ tục "{procedure_name}" của ông/bà {full_name}, mã hồ sơ {code}, \
ngày tiếp nhận {accepted_at}, ngày hẹn trả kết quả {due_at}.

Đến nay, {unit_name} chưa thể trả kết quả giải quyết hồ sơ của ông/bà đúng thời hạn ghi trên Giấy tiếp nhận hồ sơ và \
hẹn trả kết quả. Lý do: {reason}

{unit_name} xin lỗi ông/bà và hẹn trả kết quả giải quyết hồ sơ vào {new_due_at}.

Rất mong nhận được sự thông cảm của ông/bà vì sự chậm trễ này."""
"""Phiếu xin lỗi và hẹn lại ngày trả kết quả (TT 01/2018/TT-VPCP, mẫu số 04; NĐ 61/2018, Điều 19(9))."""


@dataclasses.dataclass(frozen=True)
class Foreseen:
    """A dossier that will be late; `rules` says why we think so, `may_reappoint` whether there is still time to."""

    record: Record
    remaining_text: str
    rules: tuple[str, ...]
    may_reappoint: bool


def find(
    tx: Tx, now: datetime.datetime, days: int, unit: str | None, after: tuple[str, str], limit: int
) -> list[Foreseen]:
    """Open dossiers, soonest due first, that are due within `days` working days of now (of the usual calendar, the hour
    kept), or whose remaining steps, each with its whole limit, need more working time than is left; those that the
    caller may read, of `unit` and the units below it."""
    units = _units(tx, unit)
    near = later(_usual(tx), now, days, 0)
    today = moment(local_day(now).toordinal() * SECONDS_PER_DAY)
    row = {"today": today, "near": near, "due": after[0], "code": after[1], "units": units, "limit": limit}
    found = list(tx.exec_driver_sql(LIST, row))
    codes = [each.code for each in found]
    short = {each.code for each in tx.exec_driver_sql(FORESEEN, {"codes": codes})}
    records = watch_store.get_many(tx, codes)
    calendars = catalogue.calendars(tx, {record.dossier.unit for record in records.values()})
    return [
        _judge(
            records[each.code], now, calendars[records[each.code].dossier.unit], each.due_at <= near, each.code in short
        )
        for each in found
    ]


def _units(tx: Tx, unit: str | None) -> list[str] | None:
    may = reading.reach(tx).units
    within = reading.below(tx, unit).units if unit else None
    both = may & within if may is not None and within is not None else may if within is None else within
    return None if both is None else sorted(both)


def _usual(tx: Tx) -> Calendar:
    return unit_calendar(overrides=[OverrideRow(*row) for row in tx.exec_driver_sql(OVERRIDES)])


def _judge(record: Record, now: datetime.datetime, calendar: Calendar, near: bool, short: bool) -> Foreseen:
    dossier = record.dossier
    assert dossier.due_at is not None
    rules = (("due_within_days",) if near else ()) + (("remaining_steps_need_more",) if short else ())
    acts = allowed_acts(dossier, now)
    return Foreseen(record, remaining(calendar, dossier.due_at, now).text, rules, Act.EXTEND in acts)


def letter(tx: Tx, code: str, reason: str, new_due_at: datetime.datetime) -> str:
    """The text of form 04 for one dossier, in Vietnamese, with the new date as the unit's hours will keep it."""
    record = store.get(tx, code)
    dossier = record.dossier
    calendar = catalogue.calendars(tx, {dossier.unit})[dossier.unit]
    return LETTER.format(
        unit_name=record.unit_name,
        procedure_name=record.procedure_name,
        full_name=record.person.full_name,
        code=dossier.code,
        accepted_at=_day(dossier.accepted_at or dossier.filed_at),
        due_at=_hour(dossier.due_at),
        reason=reason.strip().rstrip(".") + ".",
        new_due_at=_hour(moment(calendar.next_working(instant(new_due_at)))),
    )


def _day(at: datetime.datetime) -> str:
    return f"{at.astimezone(VIETNAM):%d/%m/%Y}"


def _hour(at: datetime.datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(VIETNAM):%H giờ %M, ngày %d/%m/%Y}"

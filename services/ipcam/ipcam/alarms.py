"""What the operator of a site is owed: gathered line by line, and sent as one letter, so that a power cut is not fifty."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.context import Context, new_id, running
from chassis.database import Database, Tx
from chassis.outbox import announce
from ipcam import alarm_store, words
from ipcam.domain.faults import FaultCleared, FaultRaised
from ipcam.domain.health import HealthChanged, Status
from ipcam.domain.presence import PersonGone, PersonSeen
from ipcam.events import SendMessage

MOST_LINES = 60


def health_changed(tx: Tx, post: Any, changed: HealthChanged) -> None:
    """The operator is told that a camera is gone, and that it is back."""
    if changed.status is Status.OFFLINE:
        why = f"mất hình từ {words.moment(changed.since)} ({words.reason(changed.reason)})"
        _add(tx, post, changed.at, why)
    elif changed.was is Status.OFFLINE:
        lasted = f", sau {words.duration(changed.lasted)}" if changed.lasted else ""
        _add(tx, post, changed.at, f"có hình trở lại lúc {words.moment(changed.since)}{lasted}")


def maintenance_over(tx: Tx, post: Any, at: datetime.datetime) -> None:
    """The maintenance is over and the camera is still not well."""
    since = words.moment(post.health.since or at)
    state = "mất hình" if post.health.status is Status.OFFLINE else "hoạt động không bình thường"
    _add(tx, post, at, f"hết thời gian bảo trì nhưng vẫn {state} từ {since} ({words.reason(post.health.reason)})")


def fault_changed(tx: Tx, post: Any, change: FaultRaised | FaultCleared) -> None:
    """The operator is told of a fault, and of its end."""
    label = words.fault(change.fault)
    if isinstance(change, FaultRaised):
        _add(tx, post, change.at, f"{label}, từ {words.moment(change.since)}")
    else:
        _add(tx, post, change.at, f"hết lỗi “{label}” lúc {words.moment(change.since)}")


def person_changed(tx: Tx, post: Any, change: PersonSeen | PersonGone) -> None:
    """The operator is told that somebody is where nobody may be, and that the place is empty again."""
    if isinstance(change, PersonSeen):
        _add(tx, post, change.at, f"có người trong khu vực cấm “{change.area}”, từ {words.moment(change.since)}")
    else:
        lasted = words.duration(change.last_at - change.since)
        _add(tx, post, change.at, f"khu vực cấm “{change.area}” không còn người, sau {lasted}")


def _add(tx: Tx, post: Any, at: datetime.datetime, text: str) -> None:
    alarm_store.add(tx, post.row.site, post.id, at, f"{post.row.name}: {text}")


def send(database: Database, every_s: float, wait_s: float) -> bool:
    """Order the letter of one site that is due; False when none is."""
    with running(Context(new_id())), database.transaction() as tx:
        site = alarm_store.take_due(tx, every_s, wait_s)
        if site is None:
            return False
        lines = alarm_store.close(tx, site.code)
        if site.operator_email:
            alarm_store.told(tx, site.code)
            announce(tx, SendMessage, site.code, _letter(site, lines))
    return True


def _letter(site: Any, lines: list[str]) -> dict[str, Any]:
    more = len(lines) - MOST_LINES
    shown = lines[:MOST_LINES] + ([f"… và {more} dòng nữa, xem trong lịch sử camera"] if more > 0 else [])
    return {
        "template": "camera_alarm",
        "recipient": {"full_name": site.operator_name or site.name, "email": site.operator_email},
        "reference": site.code,
        "values": {
            "site_code": site.code,
            "site_name": site.name,
            "count": str(len(lines)),
            "first": lines[0],
            "lines": "\n".join(f"  - {line}" for line in shown),
        },
    }

"""Compares our book with the national portal's, dossier by dossier (TraCuuHoSo), and sends again what differs."""

from __future__ import annotations

import datetime
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import click

from chassis import audit, logs
from chassis.cli import echo, open_database, operator
from chassis.context import Context, current, new_id, running
from chassis.database import Database, Tx, is_away
from chassis.service import Service
from dossier import portal_catalogue, portal_drift, portal_owing, portal_store, settings, store
from dossier.domain.dossiers import Dossier
from dossier.domain.instants import VIETNAM
from dossier.portal_client import Answer, Meaning, Portal, account
from dossier.portal_wire import Codes, moment, snapshot

log = logs.get(__name__)
LOOK_UP = "TraCuuHoSo"
PAGE = 50
MOST_UNANSWERED = 5
LOOK_EVERY_S = 30.0
NOT_THERE = ("không tồn tại", "không tìm thấy")


class PortalAway(ConnectionError):
    """The portal answers nobody: the comparison stops where it is."""


def drift_of(dossier: Dossier, theirs: Mapping[str, Any] | None, codes: Codes) -> tuple[str | None, Any, Any]:
    """(what differs, our side, their side); the first is None where nothing does. The portal may keep only the day of a
    due time, and may give numbers for texts."""
    stands = snapshot(dossier)
    ours = {"status": codes.of("status", str(stands["status"])), "due": moment(stands.get("due_at"))}
    if theirs is None:
        return "missing", ours, None
    due = "".join(letter for letter in str(theirs.get("NgayHenTra") or "") if letter.isdigit())
    held = {"status": str(theirs.get("TrangThaiHoSo", "")).strip(), "due": due}
    if held["status"].lstrip("0") != ours["status"].lstrip("0"):
        return "status", ours, held
    same = ours["due"][: len(due)] == due if len(due) >= 8 and ours["due"] else due == ours["due"]
    return (None if same else "due_date"), ours, held


class Comparison:
    """One run over the dossiers filed since a day and all that are open, at so many look-ups a second."""

    def __init__(
        self,
        database: Database,
        portal: Portal,
        per_s: float,
        stopping: threading.Event,
        tell: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.database, self.portal, self.stopping, self.tell = database, portal, stopping, tell
        self.pause_s = 1.0 / per_s if per_s > 0 else 0.0
        self.unanswered = 0

    def run(self, job: Any) -> Counter[str]:
        """Do a run to its end, from where it stands; returns the counts. Raises PortalAway."""
        counts = Counter(job.counts)
        since = datetime.datetime.combine(job.since, datetime.time(), VIETNAM)
        after, finished = job.after_code, False
        while not finished and not self.stopping.is_set():
            with self.database.transaction() as tx:
                rows = portal_drift.candidates(tx, since, after, PAGE)
                codes = portal_store.codes(tx)
            for row in rows:
                counts[self._compare(row, codes, job.mend)] += 1
                after = row.code
                if self.stopping.wait(self.pause_s):
                    break
            finished = not rows
            with self.database.transaction() as tx:
                portal_drift.seen(tx, job.id, after, counts, finished)
        return counts

    def _compare(self, row: Any, codes: Codes, mend: bool) -> str:
        with self.database.transaction() as tx:
            if portal_drift.pending(tx, row.code):
                return "pending"
        answer = self.portal.call(LOOK_UP, mahoso=row.code)
        gone = any(answer.says(words) for words in NOT_THERE)
        if answer.meaning is not Meaning.DONE and not gone:
            return self._not_answered(answer)
        self.unanswered = 0
        held = [item for item in answer.items if str(item.get("MaHoSo", "")).strip() == row.code]
        with self.database.transaction() as tx:
            return self._judge(tx, row, held[0] if held else None, codes, mend)

    def _not_answered(self, answer: Answer) -> str:
        self.unanswered += 1
        if self.unanswered >= MOST_UNANSWERED:
            raise PortalAway(f"{answer.meaning.value} {answer.code}")
        return "unanswered"

    def _judge(self, tx: Tx, row: Any, held: Mapping[str, Any] | None, codes: Codes, mend: bool) -> str:
        """Under the lock of the dossier, so that an act that came meanwhile is no difference."""
        record = store.get(tx, row.code, lock=True)
        if record.version != row.version or portal_drift.pending(tx, row.code):
            return "pending"
        drift, ours, theirs = drift_of(record.dossier, held, codes)
        if drift is None:
            portal_drift.agrees(tx, row.code)
            return "agree"
        portal_drift.differs(tx, row.code, drift, ours, theirs, mend)
        if mend:
            portal_owing.owe_whole(tx, record.dossier)
            audit.record(tx, "portal.mend", f"dossier/{row.code}", theirs, ours)
        self.tell({"code": row.code, "drift": drift, "ours": ours, "theirs": theirs, "mended": mend})
        return drift


class Daily:
    """The comparison of every day, in one of the processes that run; after it, the national catalogue."""

    def __init__(
        self, database: Database, portal: Portal, options: settings.PortalSettings, stopping: threading.Event
    ) -> None:
        self.database, self.portal, self.options, self.stopping = database, portal, options, stopping

    def run(self) -> None:
        """Look whether today's is to be done; a portal that is away is asked again after some minutes."""
        while not self.stopping.is_set():
            try:
                self.once(datetime.datetime.now(VIETNAM))
            except PortalAway as error:
                log.warning("comparison stopped, the portal is away", reason=str(error))
            except Exception as error:
                if not is_away(error):
                    log.exception("comparison failed")
            self.stopping.wait(LOOK_EVERY_S)

    def once(self, now: datetime.datetime) -> bool:
        """Do today's comparison if its hour has come and nobody has it. Raises PortalAway."""
        if self.options.reconcile_hour < 0 or now.hour < self.options.reconcile_hour:
            return False
        since = now.date() - datetime.timedelta(days=self.options.reconcile_days)
        with self.database.transaction() as tx:
            job = portal_drift.begin(tx, now.date(), since, self.options.mend, "system")
        if job is None:
            return False
        with running(Context(new_id())):
            counts = Comparison(self.database, self.portal, self.options.lookups_per_s, self.stopping).run(job)
            log.info("compared with the portal", **counts)
            if not self.stopping.is_set():
                portal_catalogue.read_theirs(self.database, self.portal)
        return True


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Dossiers filed from this day on; default 30 days.")
@click.option("--mend", is_flag=True, help="Send again what differs.")
@click.pass_obj
def reconcile(service: Service, since: datetime.datetime | None, mend: bool) -> None:
    """Compare our book with the portal's: every open dossier, and those filed since a day. One JSON object a line."""
    options = account()
    day = since.date() if since else (time_now() - datetime.timedelta(days=options.reconcile_days)).date()
    database = open_database(service, "reconcile")
    comparison = Comparison(database, Portal(options), options.lookups_per_s, threading.Event(), echo)
    started = time.monotonic()
    with operator():
        with database.transaction() as tx:
            job = portal_drift.begin(tx, None, day, mend, current().caller.subject)
        assert job is not None
        try:
            counts = comparison.run(job)
        except PortalAway as error:
            raise click.ClickException(f"the portal is away ({error})") from None
    echo({"compared": sum(counts.values()), **counts, "mended": mend, "seconds": round(time.monotonic() - started, 1)})


def time_now() -> datetime.datetime:
    """Now, in Vietnam."""
    return datetime.datetime.now(VIETNAM)

"""The process that tells the national portal: reserve, commit, call, record, commit; several may run."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from typing import Any

import click
from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chassis import logs
from chassis.cli import run_loop
from chassis.context import Context, new_id, running
from chassis.database import Database, Tx, is_away
from chassis.service import Service
from dossier import portal_drift, portal_reconcile, portal_store, settings
from dossier.portal_client import Answer, Meaning, Portal, account
from dossier.portal_wire import PROGRESS, SYNC, Codes, Subject, progress_items, sync_item

log = logs.get(__name__)
SENT = Counter("ioc_portal_sent_total", "Deliveries that the portal took", ["service"])
FAILED = Counter("ioc_portal_failed_total", "Calls that the portal refused or did not answer", ["service", "meaning"])
AWAY = Gauge("ioc_portal_away", "1 while the portal is held to be away")
PRUNE_EVERY_S = 60.0
CALLS_OF_A_DELIVERY = 6
"""Log-in, call, log-in again, call, and the same call as an update: none of them longer than twice the limit."""
MANY_DOSSIERS = 3
EXISTS, EXISTS_NOT = "đã tồn tại", "không tồn tại"


def back_off_s(tries: int, first_s: float, longest_s: float) -> float:
    """The wait before the next attempt: twice as long each time, and never the same for two that failed together."""
    return float(min(longest_s, first_s * 2 ** min(tries, 30)) * random.uniform(0.5, 1.0))


class Gate:
    """Closed while the portal is away: when it cannot be reached, or answers none of several dossiers."""

    def __init__(self, longest_s: float) -> None:
        self.longest_s = longest_s
        self._lock = threading.Lock()
        self._unanswered: set[str] = set()
        self._closings = 0
        self._until = 0.0

    @property
    def pause_s(self) -> float:
        """How long it stays closed; 0 when it is open."""
        return max(0.0, self._until - time.monotonic())

    @property
    def probing(self) -> bool:
        """Whether it was closed and nothing has been answered since: one call is enough to see."""
        return self._closings > 0

    def learn(self, code: str, answer: Answer) -> None:
        """Take note of an answer about a dossier, or of none."""
        with self._lock:
            if answer.meaning in (Meaning.DONE, Meaning.REFUSED):
                self._unanswered.clear()
                self._closings = 0
            elif answer.meaning is Meaning.AWAY:
                self._close(answer)
            else:
                self._unanswered.add(code)
                if len(self._unanswered) >= MANY_DOSSIERS:
                    self._close(answer)
            AWAY.set(self._closings > 0)

    def _close(self, answer: Answer) -> None:
        if not self.pause_s:
            pause_s = back_off_s(self._closings, 1.0, self.longest_s)
            self._until = time.monotonic() + pause_s
            self._closings += 1
            log.warning("the portal is away", error_code=answer.code, pause_s=round(pause_s, 1))


class Adapter:
    """Sends what is owed until told to stop. What a killed process had in hand is sent again, as an update."""

    def __init__(self, database: Database, options: settings.PortalSettings) -> None:
        self.database = database
        self.options = options
        self.portal = Portal(options)
        self.gate = Gate(options.away_longest_s)
        self.prune_at = 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Look, send, pause, in several threads; and compare the books once a day beside them."""
        daily = portal_reconcile.Daily(self.database, self.portal, self.options, self.stopping)
        threads = [threading.Thread(target=daily.run, name="reconcile")]
        for number in range(max(1, self.options.parallel)):
            threads.append(threading.Thread(target=self._work, args=(number,), name=f"send-{number}"))
        for thread in threads:
            thread.start()
        self.stopping.wait()
        for thread in threads:
            thread.join()

    def _work(self, number: int) -> None:
        while not self.stopping.is_set():
            try:
                pause_s = self.gate.pause_s or (self.options.poll_s if self.gate.probing and number else 0.0)
                if pause_s or not self.deliver_next():
                    self.stopping.wait(pause_s or self.options.poll_s * (number + 1))
                elif number == 0:
                    self._prune()
            except Exception as error:
                if not is_away(error):
                    log.exception("portal adapter failed")
                self.stopping.wait(1.0)

    def deliver_next(self) -> bool:
        """Reserve one delivery, commit, call, record, commit. False when none is due."""
        reservation = new_id()
        with self.database.transaction() as tx:
            claimed = portal_store.claim(tx, reservation, 1, CALLS_OF_A_DELIVERY * 2 * self.options.timeout_s)
        for row in claimed:
            with running(Context(row.correlation_id)):
                answer = self._deliver(row)
                self.gate.learn(row.code, answer)
                self._record(row, reservation, answer)
        return bool(claimed)

    def _deliver(self, row: Any) -> Answer:
        """Call the portal. What cannot even be written counts as refused, so that it dies alone and is seen."""
        try:
            with self.database.transaction() as tx:
                errand = self._errand(tx, row)
            data = errand.data()
        except Exception as error:
            if is_away(error):
                raise
            log.exception("a delivery cannot be written", delivery=row.id, code=row.code)
            return Answer(Meaning.REFUSED, "unwritable", type(error).__name__)
        return errand.deliver(self.portal, data)

    def _errand(self, tx: Tx, row: Any) -> Errand:
        subject = portal_store.subjects(tx, [row.code], self.options.agency_scheme == "legacy")[row.code]
        history = portal_store.histories(tx, [row.code])[row.code]
        actor = portal_store.actors(tx, [row.history_id]).get(row.history_id, "")
        return Errand(row, subject, history, actor, portal_store.unit_names(tx), portal_store.codes(tx))

    def _prune(self) -> None:
        if time.monotonic() > self.prune_at:
            self.prune_at = time.monotonic() + PRUNE_EVERY_S
            with self.database.transaction() as tx:
                portal_store.prune(tx, self.options.keep_days)

    def _record(self, row: Any, reservation: str, answer: Answer) -> None:
        state: str | None = "waiting"
        with self.database.transaction() as tx:
            if answer.meaning is Meaning.DONE:
                state = "sent" if portal_store.sent(tx, row.id, reservation) else None
            elif answer.meaning is Meaning.AWAY:
                portal_store.release(tx, reservation, [row.id])
                return
            else:
                wait_s = back_off_s(row.tries, self.options.retry_first_s, self.options.retry_longest_s)
                refused = answer.meaning is Meaning.REFUSED
                about = (answer.code, answer.reason, wait_s, self.options.attempts)
                state = portal_store.failed(tx, row.id, reservation, refused, *about)
        if answer.meaning is Meaning.DONE:
            SENT.labels(row.service).inc()
        else:
            FAILED.labels(row.service, answer.meaning.value).inc()
        note = log.error if state == "dead" else log.info
        about_it = {"delivery": row.id, "code": row.code, "portal_service": row.service, "error_code": answer.code}
        note("portal delivery", state=state or "reservation lapsed", **about_it)


class Errand:
    """One delivery with everything that it is written from."""

    def __init__(
        self, row: Any, subject: Subject, history: Any, actor: str, names: dict[str, str], codes: Codes
    ) -> None:
        self.row, self.subject, self.actor, self.names, self.codes = row, subject, actor, names, codes
        self.history = [line for number, line in history if number <= row.history_id]

    def data(self) -> list[dict[str, Any]]:
        """What the portal is sent."""
        content = self.row.content
        if self.row.service == SYNC:
            return [sync_item(self.subject, content, self.history, self.codes)]
        return progress_items(self.subject, content["steps"], self.actor, self.names, self.codes)

    def deliver(self, portal: Portal, data: list[dict[str, Any]]) -> Answer:
        """Call the portal; where it holds the dossier already, or not any more, once again the other way."""
        if self.row.service != SYNC:
            return portal.call(PROGRESS, data=data)
        known = self.subject.synced
        answer = portal.call(SYNC, isUpdating=str(known), data=data)
        if answer.says(EXISTS_NOT if known else EXISTS):
            answer = portal.call(SYNC, isUpdating=str(not known), data=data)
        return answer


class Owed(Collector):
    """What is owed now, read from the database when Prometheus asks."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: a process must start while the database is away."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Deliveries by state, and the age of the oldest."""
        count = GaugeMetricFamily("ioc_portal_deliveries", "Deliveries not sent, by state", labels=["state"])
        age = GaugeMetricFamily("ioc_portal_oldest_seconds", "Age of the oldest of them", labels=["state"])
        drift = GaugeMetricFamily(
            "ioc_portal_drift_dossiers", "Dossiers that the portal holds otherwise", labels=["drift"]
        )
        if self.database.answers():
            with self.database.transaction() as tx:
                there = portal_store.open_states(tx)
                for kind, dossiers in portal_drift.counts(tx).items():
                    drift.add_metric([kind], dossiers)
            for state, (deliveries, seconds) in there.items():
                count.add_metric([state], deliveries)
                age.add_metric([state], seconds)
        yield from (count, age, drift)


def _adapter(database: Database) -> Adapter:
    REGISTRY.register(Owed(database))
    return Adapter(database, account())


@click.command()
@click.pass_obj
def portal(service: Service) -> None:
    """Tell the national portal what became of each dossier; compare the two books once a day."""
    run_loop(service, "portal", _adapter)

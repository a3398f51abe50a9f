"""Works by the clock: files what the plan says comes in, does each act when its time has come, takes up what lies open."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from infra.simulators.province import people, worktime
from infra.simulators.province.api import Api, Stopped
from infra.simulators.province.lives import Life, Plan

FACTS = {
    "accept": ("DossierAccepted",),
    "reject": ("DossierRejected", "DossierCompleted"),
    "request-supplement": ("SupplementRequested",),
    "receive-supplement": ("SupplementReceived",),
    "require-payment": ("PaymentRequired",),
    "record-payment": ("PaymentRecorded",),
    "forward": ("DossierForwarded",),
    "extend": ("DueDateExtended",),
    "withdraw": ("DossierWithdrawn",),
    "stop": ("DossierStopped",),
    "complete": ("DossierCompleted",),
    "return-result": ("ResultReturned",),
    "resolve-on-the-spot": ("ResultReturned",),
}
"""By which facts of its history it is seen that an act was done."""
OPEN = (1, 2, 4, 5, 6, 9)
READER, LEADER = "leader", "leader"
GAP_S = 0.5
"""Between two calls, so that what was missed while we were away does not come as one blow."""
BREATH = datetime.timedelta(seconds=45)
"""Between two acts on one dossier, for the same reason."""
LOOK_ROUND = datetime.timedelta(minutes=10)


@dataclasses.dataclass(order=True)
class Task:
    """Something to do at a time: file a life (`index` -1), or do its next act."""

    at: datetime.datetime
    order: int
    life: Life = dataclasses.field(compare=False)
    code: str = dataclasses.field(compare=False)
    index: int = dataclasses.field(compare=False)


def utc_now() -> datetime.datetime:
    """The moment."""
    return datetime.datetime.now(datetime.UTC)


class Office:
    """Everybody who works at dossiers, and everybody who files them; `officers` are logins by unit."""

    def __init__(
        self,
        api: Api,
        plan: Plan,
        officers: dict[str, str],
        per_hour: float,
        now: Callable[[], datetime.datetime] = utc_now,
        log: Callable[[str], None] = print,
    ) -> None:
        self.api, self.plan, self.officers, self.per_hour, self.now, self.log = api, plan, officers, per_hour, now, log
        self.tasks: list[Task] = []
        self.order = itertools.count()
        self.known: set[str] = set()
        self.counts: collections.Counter[str] = collections.Counter()
        self.planned_until = self._local_day() - datetime.timedelta(days=1)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop; a line of progress a minute."""
        looked_at, said_at = None, time.monotonic()
        started_at = self.now()
        try:
            while not stopping.is_set():
                if looked_at is None or self.now() - looked_at > LOOK_ROUND:
                    self.take_up()
                    looked_at = self.now()
                self.plan_arrivals(started_at)
                worked = self.work_once()
                if time.monotonic() - said_at >= 60:
                    said_at = time.monotonic()
                    self.log(self.progress())
                stopping.wait(
                    GAP_S if worked else min(20.0, self._seconds_to_next(), 60 - (time.monotonic() - said_at))
                )
        except Stopped:
            pass

    def progress(self) -> str:
        """What happened since the last line."""
        said = ", ".join(f"{self.counts[name]} {name}" for name in ("filed", "acts", "refused"))
        self.counts.clear()
        following = (
            f"next at {self.tasks[0].at.astimezone(worktime.VIETNAM):%d/%m %H:%M:%S}" if self.tasks else "no plans"
        )
        return f"{said}; {len(self.tasks)} ahead, {following}"

    def plan_arrivals(self, not_before: datetime.datetime) -> None:
        """The days up to today of which the arrivals were not looked at yet."""
        while self.planned_until < self._local_day():
            self.planned_until += datetime.timedelta(days=1)
            for life in self.plan.day("live", self.planned_until, self.per_hour):
                if life.filed_at >= not_before:
                    self._plan(life.filed_at, life, "", -1)

    def take_up(self) -> None:
        """Find the open dossiers of ours that we do not know yet: of an earlier run, or of imported histories."""
        ours = 0
        for line in self.api.pages("/v1/dossiers", READER, status=list(OPEN), limit=100, counts="false"):
            if line["code"] not in self.known:
                self.known.add(line["code"])
                ours += self._take(line["code"])
        if ours:
            self.log(f"took up {ours} open dossiers")

    def _take(self, code: str) -> bool:
        dossier = self.api.call("GET", f"/v1/dossiers/{code}", READER).json()
        place = people.whose(dossier["applicant"].get("phone"))
        life = self.plan.life(*place) if place else None
        if life is None or not _is_of(life, dossier):
            return False
        history = self.api.call("GET", f"/v1/dossiers/{code}/history", READER).json()
        self._plan_next(life, code, first_undone(life, [row["fact"] for row in history]))
        return True

    def work_once(self) -> bool:
        """Do the first thing whose time has come; False when there is none."""
        if not self.tasks or self.tasks[0].at > self.now():
            return False
        task = heapq.heappop(self.tasks)
        if task.index < 0:
            self._file(task.life)
        else:
            self._act(task)
        return True

    def _file(self, life: Life) -> None:
        login = self.officers[life.unit]
        answer = self.api.call(
            "POST", "/v1/dossiers", login, json=life.body(), key=f"province-{self.plan.seed}-{life.id}"
        )
        if answer.status_code != 201:
            self.counts["refused"] += 1
            self.log(f"{life.id} was not taken: {answer.status_code} {answer.text[:200]}")
            return
        self.counts["filed"] += 1
        code = answer.json()["code"]
        self.known.add(code)
        self._plan_next(life, code, 0)

    def _act(self, task: Task) -> None:
        act = task.life.acts[task.index]
        login = LEADER if act.unit is None else self.officers[act.unit]
        key = f"province-{self.plan.seed}-{task.life.id}-{task.index}"
        answer = self.api.call("POST", f"/v1/dossiers/{task.code}/{act.name}", login, json=act.body, key=key)
        if answer.status_code == 200:
            self.counts["acts"] += 1
        else:  # somebody else acted on it meanwhile, or the calendar moved: the law decides, and life goes on
            self.counts["refused"] += 1
            self.log(f"{task.code} {act.name}: {answer.status_code} {_said(answer)}")
        if answer.status_code in (200, 409, 422):
            self._plan_next(task.life, task.code, task.index + 1)

    def _plan_next(self, life: Life, code: str, index: int) -> None:
        if index < len(life.acts):
            soonest = self.now() + BREATH if index else self.now()
            self._plan(max(life.acts[index].at, soonest), life, code, index)

    def _plan(self, at: datetime.datetime, life: Life, code: str, index: int) -> None:
        heapq.heappush(self.tasks, Task(at, next(self.order), life, code, index))

    def _local_day(self) -> datetime.date:
        return self.now().astimezone(worktime.VIETNAM).date()

    def _seconds_to_next(self) -> float:
        return max(0.1, (self.tasks[0].at - self.now()).total_seconds()) if self.tasks else 20.0


def _is_of(life: Life, dossier: dict[str, Any]) -> bool:
    """Whether a dossier is the one that the plan has in that place: not of another seed, nor of an older catalogue."""
    same = life.applicant["full_name"] == dossier["applicant"]["full_name"]
    return same and (life.unit, life.procedure) == (dossier["unit"], dossier["procedure"])


def first_undone(life: Life, facts: list[str]) -> int:
    """The index of the first act after the last one that the history shows."""
    left = collections.Counter(facts)
    done = 0
    for index, act in enumerate(life.acts):
        shown = next((fact for fact in FACTS[act.name] if left[fact] > 0), None)
        if shown:
            left[shown] -= 1
            done = index + 1
    return done


def _said(answer: Any) -> str:
    """The problem's own words: they name the rule, and nobody."""
    try:
        return str(answer.json().get("detail") or answer.json().get("title"))[:160]
    except ValueError:
        return ""

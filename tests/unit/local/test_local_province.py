"""The simulated province: what it plans is the same every time, and it works at its plan by the clock, through anything."""

from __future__ import annotations

import collections
import datetime
import json
import threading
from typing import Any

import pytest
import requests

from infra.local import province as wiring
from infra.local.accounts import ACCOUNTS, officers
from infra.simulators.province import history, people, worktime
from infra.simulators.province.api import Api, Stopped
from infra.simulators.province.lives import Catalogue, Life, Plan
from infra.simulators.province.office import Office, first_undone

MONDAY = datetime.date(2026, 10, 12)
CATALOGUE = Catalogue.read()


def days(plan: Plan, count: int, per_hour: float = 20, stream: str = "past") -> list[Life]:
    return [life for n in range(count) for life in plan.day(stream, MONDAY + datetime.timedelta(days=n), per_hour)]


def test_the_same_seed_plans_the_same_province_and_another_seed_another_one() -> None:
    once, again = (days(Plan(7, CATALOGUE), 5) for _ in range(2))
    assert once == again and len(once) > 300
    assert days(Plan(8, CATALOGUE), 5) != once


def test_a_life_is_the_same_however_many_are_filed_beside_it() -> None:
    plan = Plan(1, CATALOGUE)
    few, many = ({life.number: life for life in plan.day("live", MONDAY, rate)} for rate in (2, 40))
    assert few and set(few) < set(many)
    for number, life in few.items():
        assert many[number] == life == plan.life("live", MONDAY, number)


def test_acts_follow_one_another_and_officers_act_in_office_hours_only() -> None:
    for life in days(Plan(1, CATALOGUE), 14):
        times = [life.filed_at, *(act.at for act in life.acts)]
        assert times == sorted(times), life.id
        for act in life.acts:
            minute = act.at.hour * 60 + act.at.minute
            assert worktime.works(act.at.date()), (life.id, act)
            assert any(opens <= minute <= closes for opens, closes in worktime.WINDOWS), (life.id, act)


def test_everything_that_becomes_of_dossiers_happens_and_lateness_is_as_in_life() -> None:
    lives = days(Plan(1, CATALOGUE), 28)
    acts = collections.Counter(act.name for life in lives for act in life.acts)
    assert set(acts) == {
        "accept", "reject", "request-supplement", "receive-supplement", "require-payment", "record-payment", "forward",
        "extend", "withdraw", "stop", "complete", "return-result", "resolve-on-the-spot",
    }  # fmt: skip
    channels = collections.Counter(life.channel for life in lives)
    assert set(channels) == {"direct", "online", "post"} and channels["direct"] > channels["post"]
    assert {life.unit for life in lives} == {unit for unit, _ in CATALOGUE.offered}
    assert any(act.unit not in (life.unit, None) for life in lives for act in life.acts), "a step of another agency"
    assert 0.01 < acts["extend"] / acts["complete"] < 0.2
    names = [life.applicant["full_name"] for life in lives]
    assert len(set(names)) > 300


def test_people_are_found_again_by_their_telephone_and_strangers_are_not() -> None:
    for stream in ("live", "past"):
        assert people.whose(people.telephone(stream, MONDAY, 17)) == (stream, MONDAY, 17)
    for stranger in (None, "", "0912345678", "+84381234567", "03"):
        assert people.whose(stranger) is None


WORKTIMES = {
    "Friday evening to Monday": ("2026-10-16T18:00", 30, "2026-10-19T07:30"),
    "across lunch": ("2026-10-12T11:00", 60, "2026-10-12T14:00"),
    "a holiday": ("2026-09-01T16:30", 60, "2026-09-03T07:30"),
    "no time, but closed": ("2026-10-17T10:00", 0, "2026-10-19T07:00"),
}


@pytest.mark.parametrize("name", WORKTIMES)
def test_working_time_passes_in_office_hours_only(name: str) -> None:
    start, minutes, expected = WORKTIMES[name]
    local = datetime.datetime.fromisoformat(start).replace(tzinfo=worktime.VIETNAM)
    if name == "a holiday":
        assert not worktime.works(datetime.date(2026, 9, 2)), "Quốc khánh"
        assert worktime.after(local, minutes).date() > datetime.date(2026, 9, 2)
    else:
        assert worktime.after(local, minutes).isoformat() == f"{expected}:00+07:00"


class Answer:
    """What the fake service answers."""

    def __init__(self, status: int, body: Any) -> None:
        self.status_code, self.body, self.text = status, body, json.dumps(body)

    def json(self) -> Any:
        return self.body


class Book:
    """A dossier service that keeps what was filed; acts named in `refuse` are refused."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.answers: dict[str, Answer] = {}
        self.dossiers: dict[str, dict[str, Any]] = {}
        self.refuse: set[str] = set()

    def call(self, method: str, path: str, login: str, json: Any = None, key: str | None = None, **_: Any) -> Answer:
        self.calls.append((method, path, login))
        if key and key in self.answers:
            return self.answers[key]
        answer = self.answer(path, json)
        if key:
            self.answers[key] = answer
        return answer

    def answer(self, path: str, body: Any) -> Answer:
        if path == "/v1/dossiers":
            code = f"{body['unit']}-{len(self.dossiers) + 1:04}"
            self.dossiers[code] = body | {"code": code, "facts": ["DossierReceived"]}
            return Answer(201, {"code": code})
        _, _, _, code, *rest = path.split("/")
        if not rest:
            return Answer(200, self.dossiers[code])
        if rest == ["history"]:
            return Answer(200, [{"fact": fact} for fact in self.dossiers[code]["facts"]])
        if rest[0] in self.refuse:
            return Answer(409, {"title": "Act refused", "detail": "Chỉ được yêu cầu một lần"})
        from infra.simulators.province.office import FACTS

        self.dossiers[code]["facts"].append(FACTS[rest[0]][-1 if rest[0] == "reject" and len(body) == 1 else 0])
        return Answer(200, {})

    def pages(self, path: str, login: str, **_: Any) -> Any:
        return iter(list(self.dossiers.values()))


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = datetime.datetime(2026, 10, 12, 6, 30, tzinfo=worktime.VIETNAM)

    def __call__(self) -> datetime.datetime:
        return self.time


def office(book: Book, clock: Clock, said: list[str] | None = None) -> Office:
    api: Any = book
    log = said.append if said is not None else (lambda _text: None)
    return Office(api, Plan(1, CATALOGUE), officers(), 5, now=clock, log=log)


def live_on(work: Office, clock: Clock, days: float) -> None:
    """Go from task to task as far as so many days reach."""
    end = clock.time + datetime.timedelta(days=days)
    while work.tasks and work.tasks[0].at <= end:
        clock.time = max(clock.time, work.tasks[0].at)
        work.work_once()
    clock.time = end


def test_what_is_planned_is_filed_and_worked_at_by_the_officers_of_its_unit() -> None:
    book, clock = Book(), Clock()
    work = office(book, clock)
    work.plan_arrivals(clock())
    live_on(work, clock, 90)
    planned = Plan(1, CATALOGUE).day("live", MONDAY, 5)
    assert len(book.dossiers) == len(planned) > 20
    assert not work.tasks, "every life came to its end"
    acts = sum(len(life.acts) for life in planned)
    assert len(book.calls) == len(planned) + acts
    for method, path, login in book.calls:
        assert method == "POST"
        account = ACCOUNTS[login]
        assert "dossier:approve" in account.scopes if path.endswith("/extend") else "dossier:write" in account.scopes


def test_after_its_own_restart_it_takes_up_each_dossier_where_it_was() -> None:
    book, clock = Book(), Clock()
    first = office(book, clock)
    first.plan_arrivals(clock())
    live_on(first, clock, 4)
    before = {code: list(dossier["facts"]) for code, dossier in book.dossiers.items()}
    book.dossiers["stranger"] = {"code": "stranger", "applicant": {"full_name": "Ai Đó", "phone": "0912345678"}}
    namesake = first.tasks[0].life
    other = next(unit for unit in CATALOGUE.units if unit != namesake.unit)
    book.dossiers["older"] = namesake.body() | {"code": "older", "unit": other, "facts": ["DossierReceived"]}
    said: list[str] = []
    second = office(book, clock, said)
    second.take_up()
    assert {task.code for task in second.tasks} == {task.code for task in first.tasks}
    assert {(t.code, t.index) for t in second.tasks} == {(t.code, t.index) for t in first.tasks}
    live_on(second, clock, 90)
    for life in Plan(1, CATALOGUE).day("live", MONDAY, 5):
        facts = next(d["facts"] for d in book.dossiers.values() if d["applicant"] == life.applicant)
        assert len(facts) == len(life.acts) + 1, "each act once"
    assert any(book.dossiers[code]["facts"] != facts for code, facts in before.items())
    second.take_up()
    assert not second.tasks, "what is known is not taken up twice"


def test_a_refused_act_is_told_and_life_goes_on() -> None:
    book, clock, said = Book(), Clock(), []
    book.refuse = {"extend", "require-payment", "record-payment"}
    work = office(book, clock, said)
    work.plan_arrivals(clock())
    live_on(work, clock, 90)
    assert not work.tasks and work.counts["refused"] == len([line for line in said if "Chỉ được yêu cầu" in line]) > 0
    assert not any("Lò" in line or "0" * 9 in line for line in said), "nobody's name is logged"


def test_the_next_act_is_the_one_after_the_last_that_the_history_shows() -> None:
    life = next(
        life for life in days(Plan(1, CATALOGUE), 3) if [act.name for act in life.acts][:2] == ["accept", "forward"]
    )
    assert first_undone(life, ["DossierReceived"]) == 0
    assert first_undone(life, ["DossierReceived", "DossierAccepted", "CitizenTold"]) == 1
    assert first_undone(life, ["DossierReceived", "DossierAccepted", "DossierForwarded"]) == 2


def test_a_line_of_history_holds_what_had_happened_by_then_and_no_more() -> None:
    life = next(life for life in days(Plan(1, CATALOGUE), 3) if len(life.acts) > 3)
    line = life.line(life.acts[1].at)
    assert [act["act"] for act in line["acts"]] == [act.name for act in life.acts[:2]]
    assert line["source_code"] == life.id and line["code"] == life.code


def test_histories_are_imported_in_loads_and_end_yesterday() -> None:
    loads: list[list[dict[str, Any]]] = []

    class Importer:
        def load(self, path: str, login: str, lines: Any) -> Answer:
            assert path == "/v1/imports?source=province-1" and "dossier:import" in ACCOUNTS[login].scopes
            loads.append([json.loads(line) for line in lines()])
            return Answer(201, {"added": len(loads[-1]), "extended": 0, "unchanged": 0, "bad": 0, "errors": []})

    now = datetime.datetime(2026, 10, 14, 10, 0, tzinfo=worktime.VIETNAM)
    api: Any = Importer()
    totals = history.fast_forward(api, Plan(1, CATALOGUE), 20, 20, now, log=lambda _text: None)
    lines = [line for load in loads for line in load]
    assert len(loads) > 1 and totals["added"] == len(lines) == len({line["code"] for line in lines})
    assert {line["filed_at"][:10] for line in lines} <= {f"2026-{m:02}-{d:02}" for m in (9, 10) for d in range(1, 32)}
    assert max(line["filed_at"] for line in lines) < "2026-10-14"
    assert all(act["at"] <= now.isoformat() for line in lines for act in line["acts"])


class Away(requests.Session):
    """A service that is away for the first tries, and then answers."""

    def __init__(self, answers: list[Any]) -> None:
        super().__init__()
        self.answers, self.sent = answers, []  # type: ignore[var-annotated]

    def request(self, method: str, url: str, **more: Any) -> Any:
        self.sent.append((method, url, more.get("headers", {}).get("Idempotency-Key")))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, url: str, **_: Any) -> Any:
        token = Answer(200, {"access_token": f"token {len(self.sent)}"})
        token.raise_for_status = lambda: None  # type: ignore[attr-defined]
        return token


class Patient(threading.Event):
    """Waits for nothing; stops after so many waits."""

    def __init__(self, waits: int = 100) -> None:
        super().__init__()
        self.left = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        return self.left < 0


def test_what_is_away_is_asked_again_with_the_same_key_and_an_expired_token_is_renewed() -> None:
    said: list[str] = []
    api = Api("http://x", "http://y", "secret", Patient(), said.append)
    gone = requests.ConnectionError("refused")
    session = Away([gone, Answer(503, {}), Answer(429, {}), Answer(401, {}), Answer(201, {"code": "1"})])
    api.session = session
    assert api.call("POST", "/v1/dossiers", "officer", json={}, key="k").json() == {"code": "1"}
    assert [key for _, _, key in session.sent] == ["k"] * 5
    assert "ConnectionError" in said[0] and "answered again" in said[1] and "secret" not in " ".join(said)


def test_it_ends_while_it_waits_for_a_service_that_is_away() -> None:
    api = Api("http://x", "http://y", "secret", Patient(waits=2), lambda _text: None)
    api.session = Away([requests.ConnectionError()] * 9)
    with pytest.raises(Stopped):
        api.call("GET", "/v1/dossiers", "officer")


def test_the_stack_lets_it_live_with_everything_and_not_where_processes_are_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("IOC_PROVINCE", "IOC_PROCESSES"):
        monkeypatch.delenv(name, raising=False)
    assert wiring.lives(None) and not wiring.lives("dossier,notify") and wiring.lives("dossier,province")
    monkeypatch.setenv("IOC_PROCESSES", "dossier")
    assert not wiring.lives(None)
    monkeypatch.delenv("IOC_PROCESSES")
    monkeypatch.setenv("IOC_PROVINCE", "0")
    assert not wiring.lives(None) and not wiring.lives("province")
    monkeypatch.setenv("IOC_PROVINCE", "many")
    with pytest.raises(wiring.Refused, match="many"):
        wiring.per_hour()

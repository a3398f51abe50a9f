"""The simulated province against the real service: its histories are taken whole, and its plans come to their end."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import Any

from infra.local.accounts import ACCOUNTS, officers
from infra.simulators.province import history, worktime
from infra.simulators.province.lives import Catalogue, Plan
from infra.simulators.province.office import Office
from tests.integration.dossier.reading_world import Desk

NOW = datetime.datetime.now(worktime.VIETNAM)


class Answer:
    """A test client's answer with the words of `requests`."""

    def __init__(self, answer: Any) -> None:
        self.status_code, self.text = answer.status_code, answer.text
        self.json = answer.get_json


class Api:
    """The simulator's calls, by keys with the unit and scopes of the account."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def call(
        self, method: str, path: str, login: str, json: Any = None, key: str | None = None, **query: Any
    ) -> Answer:
        account = ACCOUNTS[login]
        more: dict[str, Any] = {"query_string": query} if query else {}
        if json is not None:
            more |= {"json": json}
        headers = {"Idempotency-Key": key} if key else {}
        return Answer(self.desk(method, path, account.unit, list(account.scopes), headers=headers, **more))

    def load(self, path: str, login: str, lines: Callable[[], Iterable[bytes]]) -> Answer:
        account = ACCOUNTS[login]
        body = {"data": b"".join(lines()), "content_type": "application/x-ndjson"}
        return Answer(self.desk("POST", path, account.unit, list(account.scopes), **body))

    def pages(self, path: str, login: str, **query: Any) -> Iterable[Any]:
        cursor: dict[str, str] = {}
        while True:
            page = self.call("GET", path, login, **query, **cursor).json()
            yield from page["items"]
            if page["next"] is None:
                return
            cursor = {"cursor": page["next"]}


class Clock:
    """The simulator's clock; the service keeps its own."""

    def __init__(self, time: datetime.datetime) -> None:
        self.time = time

    def __call__(self) -> datetime.datetime:
        return self.time


def test_a_month_of_history_has_no_bad_line_and_comes_again_unchanged(desk: Desk) -> None:
    api: Any = Api(desk)
    plan = Plan(3, Catalogue.read())
    assert history.is_empty(api)
    said: list[str] = []
    first = history.fast_forward(api, plan, 30, 2, NOW, said.append)
    assert first["bad"] == 0 and first["added"] > 100, said
    assert not history.is_empty(api)
    counts = api.call("GET", "/v1/dossiers", "leader").json()["counts"]
    there = {row["status"] for row in counts["by_status"] if row["dossiers"]}
    assert counts["total"] == first["added"] and there >= {3, 4, 10}
    again = history.fast_forward(api, plan, 30, 2, NOW, said.append)
    assert again == {"added": 0, "extended": 0, "unchanged": first["added"], "bad": 0}
    office = Office(api, plan, officers(), 2, now=Clock(NOW), log=said.append)
    office.take_up()
    open_ = sum(row["dossiers"] for row in counts["by_status"] if row["status"] in (1, 2, 4, 5, 6, 9))
    assert 0 < len(office.tasks) <= open_ and f"took up {open_}" in said[-1]


def test_a_day_of_the_province_is_lived_to_its_end_by_its_officers(desk: Desk) -> None:
    api: Any = Api(desk)
    clock = Clock(NOW.replace(hour=0, minute=0))
    said: list[str] = []
    office = Office(api, Plan(3, Catalogue.read()), officers(), 4, now=clock, log=said.append)
    office.plan_arrivals(clock())
    while office.tasks:
        clock.time = max(clock.time, office.tasks[0].at)
        office.work_once()
    assert office.counts["filed"] > 3 and office.counts["acts"] > 3 * office.counts["filed"] / 2
    assert all("accept" not in line and "403" not in line for line in said), said
    actors = desk.world.sql("SELECT count(DISTINCT actor) AS officers FROM dossier_history")[0].officers
    assert actors > 3

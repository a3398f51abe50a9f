"""What falls due is said: once, in time, by several schedulers, through kills, restarts and moved clocks."""

from __future__ import annotations

import datetime

from dossier.domain import interruptions, lifecycle
from dossier.domain.dossiers import Channel
from dossier.domain.instants import VIETNAM
from tests.conditions import wait_until
from tests.integration.dossier.watching import World, outbox_closed

LONG_AGO = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)  # a Monday: due on Monday 16/3/2026 at 9:00
NOW = datetime.datetime.now(VIETNAM)


def test_a_restart_says_what_fell_due_meanwhile_with_its_own_moment(world: World) -> None:
    (code,) = world.accepted(LONG_AGO)
    world.run("scheduler")
    world.wait_settled()
    (event,) = world.said("overdue", code)
    assert event["due_at"] == "2026-03-16T09:00:00+07:00"
    assert event["at"] == "2026-03-17T00:00:00+07:00", "by date: the midnight that ends the due date"
    assert world.said("due_soon", code) == [], "a warning after the breach is no warning"
    assert [row.fact for row in world.sql("SELECT fact FROM dossier_history WHERE code = %s ORDER BY id", code)][
        -1
    ] == ("DossierOverdue")


def test_two_schedulers_say_each_promise_once(world: World) -> None:
    codes = world.accepted(LONG_AGO, count=120)
    first, second = world.start("scheduler", SCHEDULER_BATCH="7"), world.start("scheduler", SCHEDULER_BATCH="7")
    first.wait_ready()
    second.wait_ready()
    world.wait_settled()
    assert sorted(event["code"] for event in world.said("overdue")) == sorted(codes)


def test_a_scheduler_killed_in_mid_batch_leaves_nothing_half_done(world: World) -> None:
    codes = world.accepted(LONG_AGO, count=30)
    with outbox_closed(world):
        scheduler = world.run("scheduler")
        wait_until(world.blocked, "the scheduler standing in mid-batch")
        scheduler.kill()
    assert world.said("overdue") == []
    world.run("scheduler")
    world.wait_settled()
    assert sorted(event["code"] for event in world.said("overdue")) == sorted(codes)


def test_a_pause_before_the_moment_prevents_it_and_a_resume_brings_it_back(world: World) -> None:
    (code,) = world.accepted(NOW)
    world.owing(code, NOW)
    assert world.sql("SELECT 1 FROM promise WHERE code = %s AND state = 'waiting'", code) == []
    (other,) = world.accepted(NOW)
    world.run("scheduler")
    world.move_clock("60 days")
    wait_until(lambda: world.said("overdue", other), "the other dossier being overdue")
    world.wait_settled()
    assert world.said("overdue", code) == world.said("due_soon", code) == []
    world.paid(code, NOW + datetime.timedelta(minutes=1))
    wait_until(lambda: world.said("overdue", code), "the dossier whose clock runs again")


def test_a_clock_that_is_moved_back_and_forth_says_nothing_twice(world: World) -> None:
    (code,) = world.accepted(NOW)
    world.run("scheduler")
    (due,) = world.sql(
        "SELECT fires_at - pg_catalog.now() + interval '1 s' AS ahead FROM promise WHERE kind = 'due_soon'"
    )
    world.move_clock(str(due.ahead))
    wait_until(lambda: world.said("due_soon", code), "due soon")
    world.move_clock("60 days")
    wait_until(lambda: world.said("overdue", code), "overdue")
    for ahead in ("-60 days", "90 days"):
        world.move_clock(ahead)
        (control,) = world.accepted(LONG_AGO if ahead.startswith("-") else NOW)
        if not ahead.startswith("-"):
            wait_until(lambda control=control: world.said("overdue", control), "the scheduler having looked")
    assert (len(world.said("due_soon", code)), len(world.said("overdue", code))) == (1, 1)


def test_a_breach_is_said_within_five_seconds(world: World) -> None:
    world.accepted(NOW)
    world.run("scheduler")
    world.sql("UPDATE promise SET fires_at = now() + interval '2 s' WHERE kind = 'overdue'")
    said = (
        "SELECT extract(epoch FROM said_at - fires_at) AS late_s FROM promise WHERE kind = 'overdue' AND state = 'said'"
    )
    (row,) = wait_until(lambda: world.sql(said), "overdue")
    assert 0 <= row.late_s < 5


def test_a_date_that_moves_is_said_again_once(world: World) -> None:
    (code,) = world.accepted(LONG_AGO)
    world.run("scheduler")
    wait_until(lambda: world.said("overdue", code), "overdue")
    world.override(datetime.date(2026, 3, 10))  # a Tuesday within the limit
    world.wait_settled()
    first, second = world.said("overdue", code)
    assert (first["due_at"], second["due_at"]) == ("2026-03-16T09:00:00+07:00", "2026-03-17T09:00:00+07:00")


def test_an_act_that_leaves_the_date_says_nothing_again(world: World) -> None:
    (code,) = world.accepted(LONG_AGO)
    world.run("scheduler")
    wait_until(lambda: world.said("overdue", code), "overdue")
    world.act(code, lambda d, now, calendars: lifecycle.forward(d, now, calendars), NOW)
    world.owing(code, NOW)
    world.paid(code, NOW)  # a pause after the due time moves nothing
    world.wait_settled()
    assert len(world.said("overdue", code)) == 1


def test_a_step_an_answer_and_a_supplement_are_watched_too(world: World) -> None:
    (step,) = world.accepted(LONG_AGO, procedure="1.004227", unit="H52.18")
    world.act(step, lambda d, now, calendars: lifecycle.forward(d, now, calendars), LONG_AGO)
    online = world.file(LONG_AGO, channel=Channel.ONLINE)
    waiting = world.file(LONG_AGO)
    day = datetime.date(2026, 3, 20)
    world.act(waiting, lambda d, now, cs: interruptions.request_supplement(d, now, cs, "Thiếu giấy tờ", day), LONG_AGO)
    world.run("scheduler")
    world.wait_settled()
    assert [event["step"] for event in world.said("step_overdue", step)] == ["Thẩm định"]
    (answer,) = world.said("answer_overdue", online)
    assert answer["at"] == answer["answer_due_at"] == "2026-03-03T09:00:00+07:00", "eight working hours, to the hour"
    (supplement,) = world.said("supplement_overdue", waiting)
    assert (supplement["respond_by"], supplement["at"]) == ("2026-03-20", "2026-03-21T00:00:00+07:00")


def test_what_is_completed_owes_nothing(world: World) -> None:
    (code,) = world.accepted(NOW)
    world.act(code, lambda d, now, calendars: lifecycle.complete(d, now, calendars), NOW)
    assert world.sql("SELECT 1 FROM promise") == []


def test_a_promise_that_cannot_be_said_holds_up_no_other(world: World) -> None:
    bad, good = world.accepted(LONG_AGO, count=2)
    world.sql("UPDATE promise SET kind = 'step_overdue', step = 7 WHERE code = %s AND kind = 'overdue'", bad)
    scheduler = world.run("scheduler")
    wait_until(lambda: world.said("overdue", good), "the good one")
    held = "SELECT attempts FROM promise WHERE code = %s AND held_until > now()"
    wait_until(lambda: world.sql(held, bad), "the bad one set aside")
    assert scheduler.running


def test_the_events_of_a_dossier_keep_their_order(world: World) -> None:
    (code,) = world.accepted(LONG_AGO)
    world.run("scheduler")
    world.wait_settled()
    rows = world.sql("SELECT sequence, type FROM outbox WHERE subject = %s AND NOT is_command ORDER BY id", code)
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1].type == "dossier.overdue.v1"

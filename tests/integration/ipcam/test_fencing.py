"""Who has lost a camera's lease writes nothing about it any more, however late it learns that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.database import Tx
from ipcam import watch_store
from ipcam.credentials import Safe
from ipcam.domain.faults import Fault, FaultCleared, FaultRaised
from ipcam.domain.health import Health, HealthChanged, Status
from ipcam.domain.leases import Terms
from ipcam.domain.motion import MotionEnded, MotionStarted
from ipcam.domain.presence import PersonGone, PersonSeen
from ipcam.posts import Post
from ipcam.roster import Roster
from ipcam.tidings import fenced, tell_fault, tell_health, tell_motion, tell_presence
from tests.integration.ipcam.watching import KEY, World, wait_until

NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)
DARK = HealthChanged(Status.ONLINE, Status.OFFLINE, "timeout", NOW, NOW, None)
AWAY = {"rtsp_url": "rtsp://127.0.0.1:9/main", "sub_url": None}


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def roster(world: World, name: str, clock: Clock | None = None, lasts_s: float = 15) -> Roster:
    terms = Terms(timedelta(seconds=lasts_s), timedelta(seconds=5))
    return Roster(world.database, name, Safe(KEY), terms, None, lambda posts: None, clock=clock or Clock())


def run_out(world: World, worker: str) -> None:
    """As if it had said nothing for long."""
    with world.database.transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE camera_lease SET expires_at = now() - interval '1 second' WHERE worker = %(w)s", {"w": worker}
        )
        tx.exec_driver_sql("UPDATE watcher SET seen_at = now() - interval '1 minute' WHERE name = %(w)s", {"w": worker})


def go_dark(world: World, post: Any) -> None:
    with fenced(world.database, post) as tx:
        tell_health(tx, post, Health(Status.OFFLINE, "timeout", NOW), DARK, planned=False)


def test_the_former_holder_is_refused_and_leaves_no_trace(world: World) -> None:
    camera = world.add(3, **AWAY)
    old, new = roster(world, "old"), roster(world, "new")
    old.tend({})
    held = old.posts[camera]
    go_dark(world, held)
    run_out(world, "old")
    new.tend({})
    assert (new.posts[camera].epoch, new.posts[camera].health.status) == (2, Status.OFFLINE)
    before = (world.announced(camera), world.history(camera), world.rows("SELECT text FROM alarm"))
    with pytest.raises(watch_store.LeaseLost):
        go_dark(world, held)
    with pytest.raises(watch_store.LeaseLost), fenced(world.database, held) as tx:
        tell_fault(tx, held, FaultRaised(Fault.COVERED, NOW, NOW))
    assert (world.announced(camera), world.history(camera), world.rows("SELECT text FROM alarm")) == before
    assert world.types(camera)[-1] == "lease_moved"
    with world.database.transaction() as tx:
        watch_store.record_seen(tx, "old", [{"camera_id": camera, "epoch": 1, "value": {"fps": 1}}])
        watch_store.record_seen(tx, "new", [{"camera_id": camera, "epoch": 1, "value": {"fps": 2}}])
    assert world.camera(camera)["seen"] is None


def test_a_change_whose_commit_was_made_and_whose_answer_was_lost_is_told_once(world: World) -> None:
    """A database that goes away in the middle of a commit leaves the watcher in doubt: it tells again, and that changes nothing."""
    camera = world.add(3, **AWAY)
    watcher = roster(world, "w")
    watcher.tend({})
    post, later = watcher.posts[camera], NOW + timedelta(seconds=9)

    def twice(tell: Callable[[Tx, Post], str | None]) -> None:
        for answers in (True, False):
            with fenced(world.database, post) as tx:
                assert (tell(tx, post) is not None) is answers

    twice(lambda tx, post: tell_health(tx, post, Health(Status.OFFLINE, "timeout", NOW), DARK, planned=False))
    twice(lambda tx, post: tell_fault(tx, post, FaultRaised(Fault.COVERED, NOW, NOW)))
    twice(lambda tx, post: tell_fault(tx, post, FaultCleared(Fault.COVERED, later, later, later - NOW)))
    twice(lambda tx, post: tell_motion(tx, post, MotionStarted("all", NOW, NOW)))
    twice(lambda tx, post: tell_motion(tx, post, MotionEnded("all", NOW, later, later, 0.1)))
    twice(lambda tx, post: tell_presence(tx, post, PersonSeen("kho", NOW, NOW)))
    twice(lambda tx, post: tell_presence(tx, post, PersonGone("kho", NOW, later, later)))
    told = ["offline", "fault_raised", "fault_cleared", "motion_started", "motion_ended", "person_seen", "person_gone"]
    assert [line["kind"] for line in world.history(camera)][1:] == told
    assert [sequence for _, sequence, _ in world.announced(camera)] == list(range(1, len(told) + 2))
    assert len(world.rows("SELECT 1 FROM alarm")) == 5


def test_a_lease_that_ran_out_is_no_lease_even_before_somebody_takes_it(world: World) -> None:
    camera = world.add(3, **AWAY)
    old = roster(world, "old")
    old.tend({})
    run_out(world, "old")
    with pytest.raises(watch_store.LeaseLost):
        go_dark(world, old.posts[camera])


def test_a_camera_is_not_taken_while_its_holder_is_writing(world: World) -> None:
    camera = world.add(3, **AWAY)
    old, new = roster(world, "old", lasts_s=1), roster(world, "new")
    old.tend({})
    held = old.posts[camera]
    with fenced(world.database, held) as tx:
        # The lease runs out while the holder still writes; who wants it finds the row locked, and leaves it for now.
        wait_until(
            lambda: world.rows("SELECT 1 FROM camera_lease WHERE expires_at < clock_timestamp()"),
            "the end of the lease",
        )
        with world.database.transaction() as other:
            other.exec_driver_sql("UPDATE watcher SET seen_at = now() - interval '1 minute' WHERE name = 'old'")
        taker = threading.Thread(target=lambda: new.tend({}))
        taker.start()
        tell_health(tx, held, Health(Status.OFFLINE, "timeout", NOW), DARK, planned=False)
        taker.join(10)
        assert not taker.is_alive() and new.posts == {}
    new.tend({})
    assert new.posts[camera].health.status is Status.OFFLINE


def test_a_watcher_that_cannot_renew_lets_go_by_its_own_clock(world: World) -> None:
    world.add(3, **AWAY)
    clock = Clock()
    old = roster(world, "old", clock)
    old.tend({})
    clock.now_s = 14.9
    old.expire()
    assert len(old.posts) == 1
    clock.now_s = 15.0
    old.expire()
    assert old.posts == {}


def test_many_watchers_at_once_share_evenly_and_hold_nothing_twice(world: World) -> None:
    cameras = [world.add(3, name=f"Camera {n}", **AWAY) for n in range(11)]
    rosters = [roster(world, f"w{n}") for n in range(4)]

    def settled() -> bool:
        threads = [threading.Thread(target=one.tend, args=({},)) for one in rosters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        held = [camera for one in rosters for camera in one.posts]
        assert len(held) == len(set(held)), "held twice"
        return sorted(len(one.posts) for one in rosters) == [2, 3, 3, 3]

    wait_until(settled, "fair shares")
    assert {camera for one in rosters for camera in one.posts} == set(cameras)

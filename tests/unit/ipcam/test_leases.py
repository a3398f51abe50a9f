"""Fair shares of cameras among workers that come and go."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ipcam.domain.leases import Lease, Terms, alive, fair_share, moves

START = datetime(2021, 6, 1, 8, 0, tzinfo=UTC)
TERMS = Terms()


class Province:
    """The table of leases with its one rule: a lease is taken only when it is free. Workers act one after another, in any order."""

    def __init__(self, cameras: int) -> None:
        self.at = START
        self.leases = {f"c{i}": Lease(f"c{i}") for i in range(cameras)}
        self.seen: dict[str, datetime] = {}

    def round(self, workers: list[str]) -> None:
        for worker in workers:
            self.seen[worker] = self.at
        for worker in workers:
            now = moves(self.leases.values(), alive(self.seen, self.at), worker, self.at)
            for camera in now.release:
                self.leases[camera] = Lease(camera)
            for camera in (*now.keep, *now.take):
                lease = self.leases[camera]
                assert lease.free(self.at) or lease.worker == worker, "a camera would be held twice"
                self.leases[camera] = Lease(camera, worker, self.at + TERMS.lasts)
        self.at += TERMS.renew_every

    def held(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for lease in self.leases.values():
            if not lease.free(self.at):
                counts[lease.worker or ""] = counts.get(lease.worker or "", 0) + 1
        return counts


@given(st.integers(0, 500), st.integers(1, 12))
def test_fair_shares_add_up_and_differ_by_at_most_one(cameras: int, workers: int) -> None:
    names = [f"w{i}" for i in range(workers)]
    shares = [fair_share(cameras, names, name) for name in names]
    assert sum(shares) == cameras
    assert max(shares) - min(shares) <= 1


def test_a_new_worker_takes_a_fair_share_and_few_cameras_move() -> None:
    province = Province(100)
    for _ in range(3):
        province.round(["a", "b"])
    before = {c: lease.worker for c, lease in province.leases.items()}
    for _ in range(3):
        province.round(["a", "b", "c"])
    assert sorted(province.held().values()) == [33, 33, 34]
    moved = sum(1 for c, lease in province.leases.items() if lease.worker != before[c])
    assert moved == 33


def test_a_dead_workers_cameras_are_held_again_within_thirty_seconds() -> None:
    province = Province(101)
    for _ in range(3):
        province.round(["a", "b", "c"])
    died = province.at - TERMS.renew_every
    while sum(province.held().values()) < 101 or "c" in province.held():
        province.round(["a", "b"])
    assert province.at - died <= timedelta(seconds=30)
    assert sorted(province.held().values()) == [50, 51]


def test_a_worker_that_is_not_seen_holds_and_takes_nothing() -> None:
    lease = Lease("c", "me", START + timedelta(seconds=9))
    now = moves([lease, Lease("d")], {"other"}, "me", START)
    assert (now.release, now.keep, now.take) == (("c",), (), ())


def test_a_worker_takes_no_more_than_it_can_carry_and_the_rest_stays_visibly_free() -> None:
    now = moves([Lease(f"c{i}") for i in range(10)], {"me"}, "me", START, capacity=4)
    assert len(now.take) == 4


@settings(max_examples=60)
@given(
    st.integers(1, 60), st.lists(st.sets(st.sampled_from(["a", "b", "c", "d"]), min_size=1), min_size=1, max_size=12)
)
def test_no_camera_is_held_twice_and_all_are_held_fairly_once_workers_settle(
    cameras: int, rounds: list[set[str]]
) -> None:
    province = Province(cameras)
    for workers in rounds:
        province.round(sorted(workers))
    for _ in range(8):
        province.round(sorted(rounds[-1]))
    held = province.held()
    assert sum(held.values()) == cameras
    assert max(held.values()) - min(held.get(w, 0) for w in rounds[-1]) <= 1

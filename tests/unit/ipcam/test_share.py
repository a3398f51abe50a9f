"""Looking at pictures fairly within a CPU budget."""

from collections import Counter

from ipcam.domain.share import MotionShare, PictureShare


def simulate(
    cameras: int, cost_s: float, budget: float, seconds: float, every_s: float = 10.0
) -> tuple[PictureShare, Counter[str], float, float]:
    """Every camera always has a fresh picture; a look takes `cost_s` of CPU and as long by the clock."""
    share, looks, at, spent = PictureShare(every_s, budget), Counter[str](), 0.0, 0.0
    names = {f"c{i}" for i in range(cameras)}
    for name in sorted(names):
        share.join(name, 0.0)
    while at < seconds:
        camera = share.next(names, at)
        if camera is None:
            at += 0.01
            continue
        at += cost_s
        spent += cost_s
        share.looked(camera, cost_s, at)
        looks[camera] += 1
    return share, looks, spent, at


def test_with_enough_budget_every_camera_is_looked_at_on_time() -> None:
    share, looks, _, at = simulate(40, 0.01, 0.5, 100)
    assert set(looks.values()) <= {10, 11}
    assert not share.state(at).degraded


def test_when_the_budget_is_short_all_wait_alike_and_it_is_said_openly() -> None:
    share, looks, spent, at = simulate(40, 0.1, 0.2, 200)
    assert len(looks) == 40
    assert max(looks.values()) - min(looks.values()) <= 1
    assert spent / at < 0.2 * 1.1
    state = share.state(at)
    assert state.degraded and state.actual_s > 15


def test_a_camera_without_fresh_pictures_holds_nobody_up() -> None:
    share = PictureShare(10, 1.0)
    for name in ("dead", "live"):
        share.join(name, 0.0)
    assert share.next({"live"}, 0.0) == "live"
    share.looked("live", 0.001, 0.0)
    assert share.next({"live"}, 5.0) is None
    assert share.next({"live"}, 10.0) == "live"


def test_motion_is_shared_group_by_group_when_not_all_can_be_afforded() -> None:
    share, decoded = MotionShare(0.1), Counter[str]()
    names = [f"c{i}" for i in range(4)]
    for name in names:
        share.join(name, 0.0)
    for step in range(200):
        for name in names:
            if share.afford(name, step * 2.0):
                share.spend(name, 0.1)  # four cameras want 0.2 cores together
                decoded[name] += 1
    assert max(decoded.values()) - min(decoded.values()) <= 1
    assert 90 <= decoded["c0"] <= 110
    assert share.skipped > 0

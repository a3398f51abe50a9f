"""Motion in areas, by decoding and by the camera's own word, and what else a camera says over ONVIF."""

from __future__ import annotations

from tests.integration.ipcam.watching import World, wait_until

HALVES = {"areas": {"trái": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}, "masks": []}
BLIND = {"areas": {}, "masks": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


def motion(world: World, camera: str, kind: str = "ipcam.motion_started.v1") -> list[str]:
    return [data["area"] for told, _, data in world.announced(camera) if told == kind]


def test_motion_is_told_for_its_area_and_not_under_a_mask(world: World) -> None:
    followed, blind = world.add(3, motion=HALVES), world.add(1, motion=BLIND)
    world.run(MOTION_CORES="1")
    wait_until(lambda: motion(world, followed), "somebody who walks by", 90)
    assert set(motion(world, followed)) == {"trái"}
    world.cameras.command(3, "freeze")  # somebody always walks in the simulated scenes
    wait_until(lambda: motion(world, followed, "ipcam.motion_ended.v1"), "the end of it", 60)
    assert motion(world, blind) == []
    etag = world.call("GET", f"/v1/cameras/{blind}").headers["ETag"]
    world.call("PATCH", f"/v1/cameras/{blind}", json={"motion": {"areas": {}, "masks": []}}, headers={"If-Match": etag})
    assert wait_until(lambda: motion(world, blind), "motion once the mask is gone", 90)[0] == "all"


def test_a_cameras_own_word_on_motion_tampering_and_time_becomes_events(world: World) -> None:
    camera = world.add(2, onvif_url=world.cameras.onvif(2))
    world.cameras.command(2, "skew")
    before = world.cameras.subscriptions(2)
    world.run(ONVIF_CLOCK_S="1", PICTURE_EVERY_S="1")
    world.wait_status(camera, "online")
    wait_until(lambda: "clock_drift" in world.camera(camera)["faults"], "the clock's drift")
    wait_until(lambda: world.cameras.subscriptions(2) > before, "somebody listening to the camera")
    world.cameras.ask("PUT", "/cameras/cam-002/motion", {"moving": True})
    wait_until(lambda: motion(world, camera) == ["camera"], "motion")
    world.cameras.ask("PUT", "/cameras/cam-002/motion", {"moving": False})
    wait_until(lambda: motion(world, camera, "ipcam.motion_ended.v1") == ["camera"], "its end")
    world.cameras.command(2, "cover")
    wait_until(lambda: "tampered" in world.camera(camera)["faults"], "the camera's own alarm")
    world.cameras.command(2, None)
    wait_until(lambda: world.camera(camera)["faults"] == {}, "everything well")

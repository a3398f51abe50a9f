"""Somebody who walks through a forbidden area of a real stream is an event with a picture and a letter; elsewhere nobody asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.ipcam.watching import World, wait_until

GROUND = {"hàng rào": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}
SKY = {"mái nhà": [[0, 0], [1, 0], [1, 0.3], [0, 0.3]]}


def told(world: World, camera: str) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, data) for kind, _, data in world.announced(camera) if ".person_" in kind]


def test_somebody_in_a_forbidden_area_is_told_once_with_picture_and_letter_and_gone_after(world: World) -> None:
    watched, elsewhere = world.add(3, forbidden_areas=GROUND), world.add(1, forbidden_areas=SKY)
    world.run(PERSON_CORES="0.8")
    seen = wait_until(lambda: told(world, watched), "somebody who walks by", 60)
    assert [(kind, data["area"]) for kind, data in seen] == [("ipcam.person_seen.v1", "hàng rào")]
    assert list(world.call("GET", f"/v1/cameras/{watched}/health").json["persons"]) == ["hàng rào"]
    taken = wait_until(
        lambda: [d for k, _, d in world.announced(watched) if k == "ipcam.snapshot_taken.v1"], "the picture"
    )
    assert seen[0][1]["snapshot"] in [one["snapshot"] for one in taken]
    letters = wait_until(lambda: [d for k, _, d in world.announced("CL-01") if k == "notify.send.v1"], "a letter")
    assert "Camera 3: có người trong khu vực cấm “hàng rào”" in letters[0]["values"]["lines"]
    world.cameras.command(3, "cover")
    wait_until(lambda: len(told(world, watched)) == 2, "nobody to be seen any more", 60)
    gone = told(world, watched)[1]
    assert gone[0] == "ipcam.person_gone.v1" and gone[1]["since"] <= gone[1]["last_at"] < gone[1]["at"]
    assert world.call("GET", f"/v1/cameras/{watched}/health").json["persons"] == {}
    assert told(world, elsewhere) == []
    lines = [line["kind"] for line in world.history(watched, "person_seen,person_gone")]
    assert lines == ["person_seen", "person_gone"]


def test_an_area_that_is_forbidden_no_longer_ends_it_and_where_motion_is_followed_only_movement_is_looked_at(
    world: World,
) -> None:
    followed = world.add(3, forbidden_areas=GROUND, motion={"areas": {}, "masks": []})
    blind = world.add(2, forbidden_areas=GROUND, motion={"areas": {}, "masks": [[[0, 0], [1, 0], [1, 1], [0, 1]]]})
    world.run(PERSON_CORES="0.8", MOTION_CORES="1")
    wait_until(lambda: told(world, followed), "somebody who walks by", 60)
    etag = world.call("GET", f"/v1/cameras/{followed}").headers["ETag"]
    nowhere = {"forbidden_areas": None, "motion": None}
    assert world.call("PATCH", f"/v1/cameras/{followed}", json=nowhere, headers={"If-Match": etag}).status_code == 200
    wait_until(lambda: [kind for kind, _ in told(world, followed)][-1] == "ipcam.person_gone.v1", "its end")
    wait_until(lambda: world.call("GET", f"/v1/cameras/{followed}/health").json["moving"] == {}, "the end of motion")
    assert told(world, blind) == []  # somebody walks there, behind a mask: nothing moves that may be looked at


def test_under_maintenance_people_are_where_they_should_be(world: World) -> None:
    camera, other = world.add(3), world.add(3, name="Camera 3b")
    now = datetime.now(UTC)
    window = {"site": "CL-01", "camera": camera, "reason": "Sửa hàng rào", "starts_at": now.isoformat()}
    window["ends_at"] = (now + timedelta(hours=1)).isoformat()
    planned = world.call("POST", "/v1/maintenance", json=window)
    world.run(PERSON_CORES="0.8")
    for one in (camera, other):
        world.wait_status(one, "online")
        etag = {"If-Match": world.call("GET", f"/v1/cameras/{one}").headers["ETag"]}
        changed = world.call("PATCH", f"/v1/cameras/{one}", json={"forbidden_areas": GROUND}, headers=etag)
        assert changed.status_code == 200
    wait_until(lambda: told(world, other), "somebody, seen by the camera beside it", 60)
    world.cameras.command(3, "cover")
    wait_until(lambda: len(told(world, other)) == 2, "nobody to be seen any more", 60)
    world.cameras.command(3, None)
    assert told(world, camera) == []  # though it had as many looks
    etag = {"If-Match": planned.headers["ETag"]}
    assert world.call("DELETE", planned.headers["Location"], headers=etag).status_code == 204
    assert wait_until(lambda: told(world, camera), "somebody, once the work is done", 60)


@pytest.mark.parametrize(
    "areas", [{}, {"x": [[0, 0], [1, 1]]}, {"x": [[0, 0], [1, 0], [1, 2]]}, {"": GROUND["hàng rào"]}, [[0, 0]]]
)
def test_areas_that_are_no_areas_are_refused(world: World, areas: Any) -> None:
    body = {"site": "CL-01", "name": "Cổng", "placement": "gate", "rtsp_url": "rtsp://127.0.0.1:9/main"}
    answer = world.call("POST", "/v1/cameras", json=body | {"forbidden_areas": areas})
    assert answer.status_code == 422 and "forbidden_areas" in answer.text

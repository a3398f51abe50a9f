"""Pictures, clips, the mosaic and the living picture: for who may see them, audited, and deleted with proof."""

from __future__ import annotations

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from chassis import objects
from ipcam import retention
from tests.integration.ipcam.looking import LOOK, Browser, first_picture
from tests.integration.ipcam.watching import World, wait_until


def audited(world: World, action: str) -> list[str]:
    return [row["object"] for row in world.rows("SELECT object FROM audit_entry WHERE action = %s ORDER BY id", action)]


def snapshot(world: World, camera: str, **more: Any) -> Any:
    return world.call("POST", f"/v1/cameras/{camera}/snapshots", scopes=LOOK, **more)


def test_a_picture_on_demand_is_whole_hashed_audited_and_taken_once_for_one_key(world: World) -> None:
    camera = world.add(3)
    taken = snapshot(world, camera, headers={"Idempotency-Key": "one"})
    assert taken.status_code == 201, taken.text
    assert snapshot(world, camera, headers={"Idempotency-Key": "one"}).json == taken.json
    path = f"{taken.headers['Location']}/content"
    got = world.call("GET", path, scopes=LOOK)
    assert hashlib.sha256(got.data).hexdigest() == taken.json["sha256"]
    assert Image.open(io.BytesIO(got.data)).size == (1280, 720)
    assert world.call("GET", path, scopes=["camera:read"]).status_code == 403
    assert world.call("GET", path, scopes=LOOK, unit="H52.22").status_code == 404
    assert audited(world, "recording.look") == [f"camera/{camera}/recordings/{taken.json['id']}"]
    assert len(audited(world, "camera.snapshot")) == 1
    told = [data for kind, _, data in world.announced(camera) if kind == "ipcam.snapshot_taken.v1"]
    assert [(data["snapshot"], data["sha256"], data["event_id"]) for data in told] == [
        (taken.json["id"], taken.json["sha256"], None)
    ]


def test_a_camera_that_gives_no_picture_says_why(world: World) -> None:
    camera = world.add(3)
    world.cameras.command(3, "wrong-password")
    answer = snapshot(world, camera)
    assert (answer.status_code, answer.json["reason"]) == (504, "wrong_password")
    assert world.rows("SELECT 1 FROM recording") == []


def test_what_has_expired_is_gone_from_the_store_and_the_row_says_when_and_how(world: World) -> None:
    camera = world.add(3)
    first, second = snapshot(world, camera).json, snapshot(world, camera).json
    keep = objects.Folder(Path(world.environment()["CAMERA_FILES_FOLDER"]))
    assert objects.is_there(keep, first["id"]) and objects.is_there(keep, second["id"])
    with world.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE recording SET expires_at = now() WHERE id = %(id)s", {"id": first["id"]})
    assert (retention.sweep(world.database, keep), retention.sweep(world.database, keep)) == (1, 0)
    assert not objects.is_there(keep, first["id"]) and objects.is_there(keep, second["id"])
    row = world.call("GET", f"/v1/cameras/{camera}/recordings/{first['id']}").json
    assert row["state"] == "deleted" and row["deleted_at"] and "no such object" in row["proof"]
    gone = world.call("GET", f"/v1/cameras/{camera}/recordings/{first['id']}/content", scopes=LOOK)
    assert (gone.status_code, gone.json["type"]) == (410, "urn:ioc:problem:recording-deleted")
    by_hand = world.call("DELETE", f"/v1/cameras/{camera}/recordings/{second['id']}")
    assert (by_hand.status_code, by_hand.json["state"]) == (200, "deleted")
    assert not objects.is_there(keep, second["id"])
    assert audited(world, "recording.delete") == [
        f"camera/{camera}/recordings/{first['id']}",
        f"camera/{camera}/recordings/{second['id']}",
    ]


def test_a_store_that_still_has_the_object_is_no_deletion(world: World) -> None:
    class Stubborn(objects.Folder):
        def remove(self, key: str) -> None:
            """Says nothing, does nothing."""

    camera = world.add(3)
    taken = snapshot(world, camera).json
    with world.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE recording SET expires_at = now()")
    with pytest.raises(objects.StoreAway):
        retention.sweep(world.database, Stubborn(Path(world.environment()["CAMERA_FILES_FOLDER"])))
    assert world.call("GET", f"/v1/cameras/{camera}/recordings/{taken['id']}").json["state"] == "kept"


def test_an_event_has_its_clip_which_shows_the_seconds_before_it(world: World) -> None:
    camera = world.add(2)
    world.run(CLIP_BEFORE_S="4", CLIP_AFTER_S="2")
    world.wait_status(camera, "online")
    wait_until(
        lambda: (wire := world.call("GET", f"/v1/cameras/{camera}/health").json["wire"]) and wire["packets"] > 60,
        "six seconds of the past",
    )
    world.cameras.command(2, "stall")
    world.wait_status(camera, "offline")
    path = f"/v1/cameras/{camera}/recordings"
    clips = wait_until(
        lambda: [r for r in world.call("GET", f"{path}?kind=clip").json["items"] if r["state"] == "kept"], "the clip"
    )
    offline = [line for line in world.history(camera) if line["kind"] == "offline"]
    assert clips[0]["event_id"] == offline[0]["event_id"]
    data = world.call("GET", f"{path}/{clips[0]['id']}/content", scopes=LOOK).data
    with av.open(io.BytesIO(data)) as clip:
        frames = sum(1 for _ in clip.decode(video=0))
        assert clip.duration is not None and 3 < clip.duration / 1e6 < 9
    assert frames > 25


def test_the_mosaic_shows_every_camera_of_the_site_and_is_audited(world: World) -> None:
    cameras = [world.add(3), world.add(5)]
    world.run()
    wait_until(lambda: len(world.rows("SELECT 1 FROM camera_thumbnail")) == 2, "two small pictures")
    answer = world.call("GET", "/v1/sites/CL-01/mosaic.jpg", scopes=LOOK)
    picture = Image.open(io.BytesIO(answer.data))
    assert (answer.content_type, picture.format) == ("image/jpeg", "JPEG") and picture.width > 640
    for x in (100, 424):  # the middle of each tile is no empty grey
        colours = picture.crop((x, 60, x + 150, 200)).getcolors(100_000)
        assert colours is not None and len(colours) > 500
    assert audited(world, "site.mosaic") == ["site/CL-01"]
    assert world.call("GET", "/v1/sites/CL-01/mosaic.jpg", scopes=LOOK, unit="H52.22").status_code == 404
    assert world.call("GET", "/v1/sites/CL-01/mosaic.jpg", scopes=["camera:read"]).status_code == 403
    assert len(cameras) == 2


def test_a_living_picture_is_for_its_viewer_only_and_ends_when_nobody_looks(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = world.add(3)
    live = world.run("live", LIVE_IDLE_S="3", LIVE_URL_S="60", LIVE_URL="")
    viewer, other = Browser(world, live.port), Browser(world, live.port, "H52.21")
    status, body = viewer("POST", f"/v1/cameras/{camera}/views")
    assert status == 201, body
    address = json.loads(body)["playlist_url"]
    began = time.monotonic()
    frame, first_piece = first_picture(viewer, address)
    took_s = time.monotonic() - began
    with capsys.disabled():
        print(f"\nfirst picture of a living view: {took_s:.1f} s")
    assert took_s < 8 and (frame.width, frame.height) == (1280, 720)
    # Another viewer's token, another viewer's cookie, nobody at all, another camera, a later end: all refused.
    assert other("GET", address)[0] == 403
    other("POST", f"/v1/cameras/{camera}/views")
    assert other("GET", address, token=False)[0] == 403
    assert Browser(world, live.port)("GET", address, token=False)[0] == 403
    parts = address.split("/")
    later = "/".join([*parts[:4], str(int(parts[4]) + 3600), *parts[5:]])
    assert viewer("GET", later)[0] == 403
    assert viewer("GET", address.replace(camera, world.add(5)))[0] == 403
    assert viewer("GET", address.replace("index.m3u8", "..%2Fpasswd"))[0] == 404
    looked = world.rows("SELECT viewer, began_at, last_seen_at FROM viewing ORDER BY id")
    assert looked[0]["began_at"] and not looked[1]["began_at"]
    assert len(audited(world, "camera.look")) == 1 and len(audited(world, "camera.view")) == 2
    wait_until(lambda: world.cameras.clients(3) == 0, "the camera to be left alone")
    assert viewer("GET", first_piece, token=False)[0] == 404


def test_a_page_that_shows_the_living_picture_holds_no_secret(world: World) -> None:
    live = world.run("live")
    nobody = Browser(world, live.port)
    assert nobody("GET", "/live", token=False)[0] == 200
    for name in ("live.js", "live.css", "hls.light.min.js"):
        assert nobody("GET", f"/live/static/{name}", token=False)[0] == 200
    assert nobody("GET", "/live/static/live.html", token=False)[0] == 404
    assert nobody("POST", f"/v1/cameras/{world.add(3)}/views", token=False)[0] == 401

"""Each fault of the picture, given on command to a real stream, is found by name; a well picture raises none."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from ipcam.analyst import Analyst
from ipcam.domain.faults import Fault
from ipcam.media import KeyPicture, decode, grey, jpeg
from ipcam.reference import LEARN_LOOKS
from ipcam.stream import Fleet
from ipcam.vision import Judgement, PictureJudge
from tests.conditions import wait_until
from tests.integration.ipcam.labelled import TRUTH
from tests.integration.ipcam.simulated import Cameras

#: A fault for each camera, twice. (Camera 1 sees night, when next to nothing is left of a picture without contrast.)
ROUNDS = (("black", "cover", "blur", "turn", "overexpose"), ("low-contrast", "freeze", "noise", "cover", "turn"))


class Watch:
    """All cameras looked at as often as they give key frames."""

    def __init__(self, cameras: Cameras) -> None:
        self.judges: dict[str, PictureJudge] = defaultdict(PictureJudge)
        self.said: dict[str, list[Judgement]] = defaultdict(list)
        self.fleet = Fleet()
        self.analyst = Analyst(self.fleet, self.look, every_s=1.0, budget_cores=1.0)
        self.fleet.hold([cameras.source(number) for number in range(1, 6)])
        self.analyst.start()

    def look(self, camera_id: str, frame: Any | None, key: KeyPicture) -> None:
        if frame is not None:
            self.said[camera_id].append(self.judges[camera_id].look(grey(frame)))

    def last(self, number: int, count: int) -> list[Fault | None]:
        return [j.fault for j in self.said[f"cam-{number:03d}"][-count:]]


@pytest.mark.timeout(300)
def test_every_fault_on_command_is_found_on_real_streams(cameras: Cameras) -> None:
    watch = Watch(cameras)
    try:
        wait_until(
            lambda: len(watch.said) == 5 and all(len(s) > LEARN_LOOKS for s in watch.said.values()), "references", 90
        )
        for faults in ROUNDS:
            for number, fault in enumerate(faults, 1):
                cameras.command(number, fault)
            for number, fault in enumerate(faults, 1):
                wait_until(
                    lambda n=number, f=fault: watch.last(n, 2) == [TRUTH[f]] * 2, f"{fault} on camera {number}", 60
                )
            for number in range(1, 6):
                cameras.command(number, None)
            for number in range(1, 6):
                wait_until(lambda n=number: watch.last(n, 2) == [None] * 2, f"camera {number} well again", 60)
        for number, given in enumerate(zip(*ROUNDS, strict=True), 1):
            said = watch.last(number, 999)
            twice = {
                fault for fault, after in zip(said, said[1:], strict=False) if fault and fault is after
            }  # what would be raised
            assert twice == {TRUTH[fault] for fault in given}
    finally:
        assert watch.analyst.stop() and watch.fleet.stop()
    assert watch.analyst.failures == 0


def test_the_latest_key_frame_is_a_snapshot_for_both_codecs(cameras: Cameras) -> None:
    fleet = Fleet()
    fleet.hold([cameras.source(1), cameras.source(5)])
    try:
        wait_until(lambda: len(fleet.keys()) == 2, "two key frames")
        for key in fleet.keys().values():
            frame = decode(key)
            assert (frame.width, frame.height) == (640, 360)
            assert jpeg(frame).startswith(b"\xff\xd8")
    finally:
        assert fleet.stop()


def test_bytes_that_are_no_picture_give_none_and_no_crash() -> None:
    assert decode(KeyPicture("h264", b"\x00\x00\x00\x01\x65" + bytes(500), None, 0.0)) is None
    assert decode(KeyPicture("h265", b"rubbish", b"more rubbish", 0.0)) is None

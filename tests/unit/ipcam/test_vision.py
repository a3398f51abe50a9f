"""A picture is judged against what its camera usually shows."""

import cv2
import numpy as np
import pytest

from ipcam.domain.faults import Fault
from ipcam.media import Grey
from ipcam.reference import LEARN_LOOKS, Reference
from ipcam.vision import Judgement, PictureJudge

RNG = np.random.default_rng(11)


def place(seed: int) -> Grey:
    """A place of boxes and lines."""
    rng, image = np.random.default_rng(seed), np.full((180, 320), 120, np.uint8)
    for _ in range(45):
        x, y, w, h = (int(v) for v in rng.integers([0, 0, 15, 10], [300, 160, 80, 60]))
        cv2.rectangle(image, (x, y), (x + w, y + h), int(rng.integers(30, 225)), -1)
    return image


HERE, ELSEWHERE = place(1), place(2)


def noisy(image: Grey, sigma: float = 2.0) -> Grey:
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def truck(image: Grey) -> Grey:
    image = image.copy()
    cv2.rectangle(image, (60, 60), (190, 150), 70, -1)
    return image


def taught(reference: Reference | None = None) -> PictureJudge:
    judge = PictureJudge(reference)
    for _ in range(LEARN_LOOKS + 4):
        judge.look(noisy(HERE))
    return judge


BROKEN = {
    Fault.BLACK: lambda: noisy(np.full_like(HERE, 3)),
    Fault.OVEREXPOSED: lambda: np.clip(noisy(HERE).astype(int) * 3 + 120, 0, 255).astype(np.uint8),
    Fault.COVERED: lambda: noisy(cv2.GaussianBlur(np.full_like(HERE, 60), (0, 0), 9)),
    Fault.TURNED: lambda: noisy(ELSEWHERE),
    Fault.BLURRED: lambda: noisy(cv2.GaussianBlur(HERE, (0, 0), 3)),
    Fault.LOW_CONTRAST: lambda: noisy(
        np.clip((HERE.astype(np.float32) - 120) * 0.12 + 130, 0, 255).astype(np.uint8), 0.6
    ),
    Fault.NOISY: lambda: noisy(HERE, 30),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_each_fault_is_called_by_its_name(fault: Fault) -> None:
    judgement = taught().look(BROKEN[fault]())
    assert judgement.fault is fault
    assert judgement.shows(fault) is True


def test_a_well_picture_shows_nothing_for_long() -> None:
    judge = taught()
    assert {judge.look(noisy(HERE)).fault for _ in range(80)} == {None}


def test_a_truck_that_passes_is_not_a_turned_or_covered_camera() -> None:
    judge = taught()
    assert {judge.look(noisy(truck(HERE))).fault for _ in range(10)} == {None}


@pytest.mark.parametrize("gain", [0.35, 0.6, 1.15])
def test_another_light_is_no_fault(gain: float) -> None:
    judge = taught()
    lit = np.clip(HERE.astype(np.float32) * gain, 0, 255).astype(np.uint8)
    assert {judge.look(noisy(lit, 3)).fault for _ in range(10)} == {None}


def test_the_same_picture_again_is_frozen_even_while_the_cameras_clock_ticks() -> None:
    judge, still = taught(), noisy(HERE)
    said = []
    for second in range(6):
        image = still.copy()
        cv2.putText(image, f"08:00:{second:02d}", (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        said.append(judge.look(image).frozen)
    assert said[-3:] == [True] * 3
    assert judge.look(noisy(HERE)).frozen in (True, False)  # one look of grace, because encoders vary
    assert [judge.look(noisy(HERE)).frozen for _ in range(6)][-2:] == [False, False]


def test_a_camera_without_any_noise_is_not_frozen_while_something_moves() -> None:
    judge, said = PictureJudge(), []
    for step in range(40):
        image = HERE.copy()
        cv2.ellipse(image, (40 + step * 37 % 240, 110), (30, 60), 0, 0, 360, 235, -1)
        said.append(judge.look(image).frozen)
    assert not any(said)


def test_one_picture_that_comes_twice_is_not_frozen() -> None:
    judge, twice = taught(), noisy(HERE)
    assert not any(judge.look(picture).frozen for picture in (twice, twice, noisy(HERE), noisy(HERE)))


def test_a_van_that_hides_what_most_edges_belong_to_is_not_a_turned_camera() -> None:
    fence = np.full((180, 320), 120, np.uint8)
    for x in range(104, 216, 6):
        cv2.rectangle(fence, (x, 60), (x + 3, 118), 20, -1)  # nearly all edges are in the middle
    for x in range(16, 320, 40):
        cv2.rectangle(fence, (x, 15), (x + 10, 25), 200, -1)
        cv2.rectangle(fence, (x, 150), (x + 10, 160), 40, -1)
    judge = PictureJudge()
    for _ in range(LEARN_LOOKS + 4):
        judge.look(noisy(fence))
    van = fence.copy()
    cv2.rectangle(van, (95, 55), (225, 122), 90, -1)
    judgement = judge.look(noisy(van))
    assert judgement.measures.agreement is not None and judgement.measures.agreement < 0.35
    assert judgement.fault not in (Fault.TURNED, Fault.COVERED)


def test_an_empty_corridor_in_which_nothing_moves_is_not_frozen() -> None:
    judge = taught()
    assert not any(judge.look(noisy(HERE, 1.0)).frozen for _ in range(60))


def test_a_fault_that_lasts_is_never_learned_as_the_usual() -> None:
    judge = taught()
    for fault in (Fault.TURNED, Fault.BLURRED, Fault.COVERED):
        assert {judge.look(BROKEN[fault]()).fault for _ in range(60)} == {fault}


def test_faults_that_need_a_reference_are_not_told_while_it_is_learned() -> None:
    judgement = PictureJudge().look(noisy(HERE))
    assert judgement.learning and judgement.shows(Fault.TURNED) is None
    assert judgement.shows(Fault.BLACK) is False


def test_a_black_picture_hides_whether_it_is_also_turned() -> None:
    judgement: Judgement = taught().look(BROKEN[Fault.BLACK]())
    assert judgement.shows(Fault.TURNED) is None
    assert judgement.shows(Fault.FROZEN) is None


def test_black_is_found_before_anything_was_learned_and_never_learned() -> None:
    judge = PictureJudge()
    assert {judge.look(BROKEN[Fault.BLACK]()).fault for _ in range(20)} == {Fault.BLACK}
    assert judge.reference is None


def test_a_stored_reference_lets_the_next_worker_judge_at_once() -> None:
    before = taught().reference
    assert before is not None
    data = before.to_bytes()
    assert len(data) < 200_000
    judge = PictureJudge(Reference.from_bytes(data))
    judgement = judge.look(noisy(ELSEWHERE))
    assert (judgement.learning, judgement.fault) == (False, Fault.TURNED)
    assert judge.look(noisy(HERE)).fault is None


def test_a_scene_that_is_lost_in_noise_by_night_is_low_in_contrast_and_a_cloth_as_noisy_is_a_cover() -> None:
    dim = (HERE * 0.4).astype(np.uint8)
    judge = PictureJudge()
    for _ in range(LEARN_LOOKS + 4):
        judge.look(noisy(dim, 3.0))
    faint = np.clip((dim.astype(np.float32) - dim.mean()) * 0.13 + 90, 0, 255).astype(np.uint8)
    cloth = cv2.GaussianBlur(np.random.default_rng(3).normal(60, 120, HERE.shape), (0, 0), 12).clip(20, 110)
    assert judge.look(noisy(faint, 4.0)).fault is Fault.LOW_CONTRAST
    assert judge.look(noisy(cloth.astype(np.uint8), 4.0)).fault is Fault.COVERED

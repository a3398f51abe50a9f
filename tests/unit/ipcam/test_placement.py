"""Where a camera may hang."""

import pytest

from ipcam.domain.placement import FORBIDDEN, ForbiddenPlacement, Placement, UnknownPlacement, choose_placement


@pytest.mark.parametrize("word", [*FORBIDDEN, *FORBIDDEN.values(), " inside_room ", "Bên trong phòng tắm"])
def test_inside_rooms_toilets_and_bathrooms_is_refused_with_the_rule_named(word: str) -> None:
    with pytest.raises(ForbiddenPlacement) as refused:
        choose_placement(word)
    assert refused.value.rule == "CV 4403/CV-BCĐ (30/5/2021)"
    assert "Không được lắp camera bên trong" in refused.value.reason


@pytest.mark.parametrize("placement", Placement)
def test_every_permitted_place_is_known_by_its_code_and_by_its_vietnamese_label(placement: Placement) -> None:
    assert choose_placement(placement.value) is placement
    assert choose_placement(placement.label.upper()) is placement


def test_no_permitted_place_is_inside_a_room_toilet_or_bathroom() -> None:
    assert not set(FORBIDDEN) & {p.value for p in Placement}


def test_an_unknown_place_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownPlacement, match="corridor"):
        choose_placement("bedroom")

"""Addresses of living pictures are good for one viewer, one camera and a short while."""

from __future__ import annotations

import dataclasses

import pytest

from ipcam.signing import AddressNotGood, Grant, Signer

GRANT = Grant("view", "camera", "lò.thị.hương", 1000)


def test_a_signature_is_good_until_its_end_and_no_longer() -> None:
    signer = Signer("k" * 32)
    signer.check(GRANT, signer.sign(GRANT), 999.9)
    with pytest.raises(AddressNotGood):
        signer.check(GRANT, signer.sign(GRANT), 1000)


@pytest.mark.parametrize("other", [{"id": "x"}, {"camera_id": "x"}, {"viewer": "x"}, {"expires_s": 2000}])
def test_nothing_of_a_grant_can_be_changed(other: dict[str, object]) -> None:
    signer = Signer("k" * 32)
    with pytest.raises(AddressNotGood):
        signer.check(dataclasses.replace(GRANT, **other), signer.sign(GRANT), 1)
    with pytest.raises(AddressNotGood):
        Signer("l" * 32).check(GRANT, signer.sign(GRANT), 1)


def test_parts_cannot_be_moved_into_one_another() -> None:
    signer = Signer("k" * 32)
    assert signer.sign(Grant("a", "b\nc", "d", 1)) != signer.sign(Grant("a\nb", "c", "d", 1))


def test_a_cookie_proves_its_viewer_until_its_end() -> None:
    signer = Signer("k" * 32)
    cookie = signer.cookie("lò.thị.hương", 1000)
    assert signer.viewer_of(cookie, 999) == "lò.thị.hương"
    bad = [
        cookie.replace("1000", "2000"),
        "x" + cookie,
        "",
        "..",
        "a.b.c",
        Signer("l" * 32).cookie("an", 1000),
        "é.1.x",
    ]
    assert [signer.viewer_of(one, 999) for one in bad] == [None] * len(bad)
    assert signer.viewer_of(cookie, 1000) is None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="LIVE_KEY"):
        Signer("short")

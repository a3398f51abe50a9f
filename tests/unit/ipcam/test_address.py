"""Addresses without credentials, credentials without a trace."""

import pytest

from ipcam.address import AddressRefused, Source, check_url, scrub


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:secret@10.0.0.1/1",
        "rtsp://admin@10.0.0.1/1",
        "http://10.0.0.1/1",
        "file:///etc/passwd",
        "rtsp:///x",
        "rtsp://h:99999/x",
        "rtsp://h/a b",
        "",
    ],
)
def test_an_address_with_credentials_or_another_scheme_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_credentials_are_percent_encoded_and_in_no_repr() -> None:
    source = Source("c", "rtsp://10.0.0.1:554/sub", "quản trị", "Mật khẩu:1@/?")
    assert source.secret_url().startswith(
        "rtsp://qu%E1%BA%A3n%20tr%E1%BB%8B:M%E1%BA%ADt%20kh%E1%BA%A9u%3A1%40%2F%3F@10.0.0.1:554/sub"
    )
    assert "khẩu" not in repr(source) and "%" not in repr(source)


@pytest.mark.parametrize(
    "text", ["open rtsp://u:p%40ss@h/1 failed", "'rtsp://u:pass@h/1': 401", "http://a@h and RTSPS://x:y@h"]
)
def test_scrub_strikes_out_the_credentials_of_every_address(text: str) -> None:
    assert "pass" not in scrub(text) and "p%40ss" not in scrub(text) and "x:y" not in scrub(text)
    assert "***@h" in scrub(text)

"""Addresses are checked before they are asked for, and shown without secrets."""

import time

import pytest

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.net.url import masked, shown, web_address


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://user:hunter2@host/film.mp4", "https://host/film.mp4"),
        (
            "https://host:8443/a?X-Amz-Signature=abc&v=dQw4w9WgXcQ#t=3",
            "https://host:8443/a?X-Amz-Signature=…&v=dQw4w9WgXcQ",
        ),
        ("https://host/a?v=" + "k" * 40, "https://host/a?v=…"),
        ("https://host/a?token=", "https://host/a?token=…"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("https://[::1/a?key=1", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, told):
    """Users, passwords and query values that may be keys never reach a message."""
    assert shown(address) == told


def test_addresses_inside_a_foreign_message_are_masked_too():
    """Tools quote the address they failed on."""
    text = masked("Unsupported URL: https://a:b@host/x?sig=secret (see https://host/help)")

    assert text == "Unsupported URL: https://host/x?sig=… (see https://host/help)"


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "a." * 500_000, "://" * 300_000, "a:/" * 300_000], ids=lambda t: t[:3]
)
def test_a_long_text_is_masked_at_once(text):
    """It is read once, not once from each of its letters."""
    begun = time.perf_counter()

    masked(text)

    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize("before", ["1", "-", "a" * 40, "url="])
def test_an_address_that_touches_other_words_is_masked_too(before):
    """Its secrets do not hide behind what stands before it."""
    text = masked(f"{before}https://u:p@host/x?sig=secret")

    assert text.endswith("https://host/x?sig=…")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file:///etc/passwd", "write the path itself"),
        ("ftp://host/film.mp4", "ftp: addresses are not fetched"),
        ("data:video/mp4;base64,AAAA", "data: addresses are not fetched"),
        ("javascript:alert(1)", "javascript: addresses are not fetched"),
        ("clips/film.mp4", "not an address"),
        ("https://", "no host"),
        ("https:///film.mp4", "no host"),
        ("https://[::1/film.mp4", "no host"),
        ("https://host/\ud800", r"'https://host/\\ud800' holds half a character"),
        ("\ud800", "holds half a character"),
    ],
)
def test_only_web_addresses_are_fetched(text, told):
    """Everything else is refused with what to write instead."""
    with pytest.raises(InputMediaError, match=told):
        web_address(text)

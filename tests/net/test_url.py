"""URLs are validated prefix a request, and redacted in messages."""

import pytest
from cpu_time import cpu_time_growth

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.net.url import redact_url, redact_urls, require_web_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:hunter2@host/film.mp4", "https://host/film.mp4"),
        (
            "https://host:8443/a?X-Amz-Signature=abc&v=dQw4w9WgXcQ#t=3",
            "https://host:8443/a?X-Amz-Signature=…&v=dQw4w9WgXcQ",
        ),
        ("https://host/a?v=" + "k" * 40, "https://host/a?v=…"),
        ("https://host/a?token=", "https://host/a?token=…"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("https://[::1/a?key=1", "an invalid URL"),
    ],
)
def test_url_is_redacted(url, expected):
    """Users, passwords and query values that may be keys never reach a message."""
    assert redact_url(url) == expected


def test_urls_in_a_message_are_redacted():
    """Tools quote the URL that they failed on."""
    text = redact_urls("Unsupported URL: https://a:b@host/x?sig=secret (see https://host/help)")

    assert text == "Unsupported URL: https://host/x?sig=… (see https://host/help)"


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["a", "a.", "://", "a:/"])
def test_redaction_is_linear_in_the_length_of_a_text(pattern):
    """A quadratic one takes a hundred times longer for a text of ten times the length."""
    assert cpu_time_growth(lambda count: redact_urls(pattern * count), 20_000, 200_000) < 30


@pytest.mark.parametrize("prefix", ["1", "-", "a" * 40, "url="])
def test_url_that_touches_other_characters_is_redacted(prefix):
    """Its secrets do not hide behind what precedes it."""
    text = redact_urls(f"{prefix}https://u:p@host/x?sig=secret")

    assert text.endswith("https://host/x?sig=…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:///etc/passwd", "write the path itself"),
        ("ftp://host/film.mp4", "ftp: URLs are not supported"),
        ("data:video/mp4;base64,AAAA", "data: URLs are not supported"),
        ("javascript:alert(1)", "javascript: URLs are not supported"),
        ("clips/film.mp4", "not a URL"),
        ("https://", "no valid host"),
        ("https:///film.mp4", "no valid host"),
        ("https://[::1/film.mp4", "no valid host"),
        ("https://host:99999/film.mp4", "^the URL has no valid host or port; write https://host/path$"),
        ("https://host:0/film.mp4", "no valid host or port"),
        ("https://host:port/film.mp4", "no valid host or port"),
        ("https://host/\ud800", r"'https://host/\\ud800' contains an unpaired surrogate"),
        ("\ud800", "contains an unpaired surrogate"),
    ],
)
def test_only_web_urls_are_accepted(text, expected):
    """The message says what to write instead."""
    with pytest.raises(InputMediaError, match=expected):
        require_web_url(text)

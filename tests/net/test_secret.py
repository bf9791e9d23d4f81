"""A key that a server sends back is hidden in whatever encoding it comes."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import httpx
import pytest
from cpu_time import cpu_time_growth

from react1.pipeline.net.api_client import error_text, hide_secret, reveals_secret
from react1.pipeline.net.http_pool import HttpResponse

KEY = "SG_secret-0123456789"
ENTITIES = "".join(f"&#{ord(character)};" for character in KEY)
PERCENT = "".join(f"%{ord(character):02x}" for character in KEY)
JSON_ESCAPES = "".join(f"\\u{ord(character):04x}" for character in KEY)
FORMS = {
    "plain": KEY,
    "upper case": KEY.upper(),
    "entities": ENTITIES,
    "hexadecimal entities": KEY.replace("_", "&#x5f;"),
    "percent": PERCENT,
    "percent twice": quote(PERCENT),
    "JSON": JSON_ESCAPES,
    "entities of percent": html.escape(PERCENT).replace("%", "&#37;"),
    "base64": base64.b64encode(KEY.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_key_is_hidden_in_every_form(form):
    """Also twice, with text around it."""
    hidden = hide_secret(f"bad key {form}, once more {form}.", KEY)

    assert hidden == "bad key …, once more …."
    assert reveals_secret(f"https://o.example/{form}.mp4", KEY)


@pytest.mark.parametrize(
    "text", ["", "an ordinary text with 100%25 &amp; more", "SG_secret", "https://o.example/a%20b"]
)
def test_text_without_the_key_stays_as_it_is(text):
    """It is not even decoded."""
    assert hide_secret(text, KEY) == text
    assert not reveals_secret(text, KEY)


def test_short_key_is_no_reason_to_refuse_a_text():
    """It occurs by chance; it is hidden where it stands as it is."""
    assert hide_secret("many", "any") == "m…"
    assert not reveals_secret("many", "any")
    assert hide_secret("many", "") == "many"


@pytest.mark.parametrize("form", [form for name, form in FORMS.items() if name != "base64"])
@pytest.mark.parametrize("page", ["<html><title>401 {}</title></html>", "<p>no {}</p>", "<Message>no {}</Message>"])
def test_key_in_a_page_is_hidden_after_its_markup_is_removed(form, page):
    """At the end of what is looked at, too: half a key is a secret."""

    def text_of(body):
        headers = httpx.Headers({"content-type": "text/html"})
        return error_text(HttpResponse(401, headers, body.encode()), lambda text: hide_secret(text, KEY))

    assert text_of(page.format(form)) in ("401 …", "no …")
    for padding in (3950, 3990):
        assert "secret" not in text_of(" " * padding + page.format(form))


def test_key_in_json_is_hidden_after_its_escapes_are_decoded():
    """As `json.loads` decodes them."""
    body = b'{"error": "bad ' + JSON_ESCAPES.encode() + b'"}'
    response = HttpResponse(401, httpx.Headers({"content-type": "application/json"}), body)

    assert KEY in json.loads(body)["error"]
    assert error_text(response, lambda text: hide_secret(text, KEY)) == "bad …"


@pytest.mark.slow
def test_time_is_linear_in_the_length_of_the_text():
    """Other jobs share the event loop."""
    assert cpu_time_growth(lambda count: hide_secret("&#65;%41" * count, KEY), 5_000, 50_000) < 30

"""Extract a one-line error message from a JSON, HTML, XML or empty response body.

The line is short and printable, without keys, URL signatures and markup.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

from .http_pool import HttpResponse
from .url import redact_urls

MAX_LENGTH = 300
_MAX_INPUT = 4000
"""Characters of a response that are looked at."""
_MESSAGE_KEYS = ("error", "message", "detail", "title", "reason", "msg", "errors")
_MESSAGE_TAG = re.compile(r"<(title|message)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)
Redact = Callable[[str], str]


def no_redaction(text: str) -> str:
    """Return the text unchanged."""
    return text


def error_text(response: HttpResponse, redact: Redact = no_redaction, max_length: int = MAX_LENGTH) -> str:
    """Return the message in a response, or "" if it has none.

    Args:
        response: the response.
        redact: removes secrets; it gets the text before it is cut, since half a key is a secret too.
        max_length: characters of the line.
    """
    try:
        text = _find_message(json.loads(response.body))
    except (ValueError, RecursionError):
        if response.content_type == "application/json":
            return ""
        start = redact(response.body.decode("utf-8", "replace"))[:_MAX_INPUT]
        return one_line(_strip_markup(start), redact, max_length)
    return one_line(text, redact, max_length)


def one_line(text: str, redact: Redact = no_redaction, max_length: int = MAX_LENGTH) -> str:
    """Return untrusted text as one safe, short line."""
    text = redact(text)
    start = text if len(text) <= _MAX_INPUT else text[:_MAX_INPUT].rsplit(None, 1)[0]
    line = " ".join(redact_urls("".join(c if c.isprintable() else " " for c in start)).split())
    return line if len(line) <= max_length else f"{line[: max_length - 1]}…"


def _find_message(value: Any) -> str:
    """Return the message in a JSON error of any shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, (_find_message(item) for item in value[:5])))
    if isinstance(value, dict):
        return next((text for key in _MESSAGE_KEYS if (text := _find_message(value.get(key)))), "")
    return ""


def _strip_markup(text: str) -> str:
    """Return the title of an HTML page or the message of an XML error, else the text without tags."""
    message = _MESSAGE_TAG.search(text)
    return html.unescape(message[2] if message else _MARKUP.sub(" ", text))

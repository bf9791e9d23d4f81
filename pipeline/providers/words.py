"""What a host said, as one line of ours: JSON of any shape, a page of HTML, nothing at all.

Takes   a reply, and the secrets that must not be repeated.
Gives   text without addresses' signatures, keys or markup, at most 300 characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from ..storage.address import masked
from ..storage.pool import Reply

LONGEST = 300
_WHERE = ("error", "message", "detail", "title", "reason", "msg", "errors")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)
SHORTEST_SECRET = 4
LONGEST_ID = 200
_MOST_READ = 4096


def words_of(reply: Reply, secrets: Sequence[str] = ()) -> str:
    """Give what a reply says; empty where it says nothing."""
    told = reply.object()
    text = _found(told) if told else ""
    if not text and reply.body and not told:
        text = _plain(reply.body[:65536].decode("utf-8", "replace"))
    return tidy(text, secrets)


def request_id_of(value: Any) -> str:
    """Give a request id that can be written down and asked for; empty where it is none."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_ID or text in (".", ".."):
        return ""
    return text if text.isprintable() and text == text.strip() and text.isascii() else ""


def tidy(text: str, secrets: Sequence[str] = ()) -> str:
    """Give foreign text as one safe, short line."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…")
    text = text[:_MOST_READ]
    line = " ".join(masked("".join(c if c.isprintable() else " " for c in text)).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _found(value: Any) -> str:
    """Find the message in an error of whatever shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, (_found(item) for item in value[:5])))
    if isinstance(value, dict):
        return next((text for name in _WHERE if (text := _found(value.get(name)))), "")
    return ""


def _plain(text: str) -> str:
    """Give the title of a page, or its text."""
    title = _TITLE.search(text)
    return html.unescape(title[1] if title else _MARKUP.sub(" ", text))

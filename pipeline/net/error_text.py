"""What a host said, as one line of ours: JSON of any shape, a page of HTML, XML of a store, nothing at all.

Takes   a reply, and what takes secrets out of a text.
Gives   text without keys, without the signatures of addresses and without markup, short and printable.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

from .http_pool import Reply
from .url import masked

LONGEST = 300
_MOST_READ = 4000
"""How much of a host's text is looked at."""
_WHERE = ("error", "message", "detail", "title", "reason", "msg", "errors")
_SAID = re.compile(r"<(title|message)[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)
Hide = Callable[[str], str]


def as_it_is(text: str) -> str:
    """Hide nothing in a text."""
    return text


def words_of(reply: Reply, hidden: Hide = as_it_is, most: int = LONGEST) -> str:
    """Give what a reply says; empty where it says nothing.

    Args:
        reply: the answer.
        hidden: takes secrets out; it sees the text before it is cut, for half a key would stay.
        most: characters of the line.
    """
    try:
        text = _found(json.loads(reply.body))
    except (ValueError, RecursionError):
        if reply.kind == "application/json":
            return ""
        return in_one_line(_plain(hidden(reply.body.decode("utf-8", "replace"))[:_MOST_READ]), most=most)
    return in_one_line(text, hidden, most)


def in_one_line(text: str, hidden: Hide = as_it_is, most: int = LONGEST) -> str:
    """Give foreign text as one safe, short line."""
    text = hidden(text)
    looked_at = text if len(text) <= _MOST_READ else text[:_MOST_READ].rsplit(None, 1)[0]
    line = " ".join(masked("".join(c if c.isprintable() else " " for c in looked_at)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


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
    """Give the title of a page or the message of a store, or else its text."""
    said = _SAID.search(text)
    return html.unescape(said[2] if said else _MARKUP.sub(" ", text))

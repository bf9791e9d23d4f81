"""Validate URLs, and redact them for messages and logs."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from ..core.errors import InputMediaError

_PUBLIC_KEYS = frozenset({"v", "id", "t", "list", "p", "page", "episode", "video"})
"""Query keys that name a video. Their values are not secret as long as they are short."""
_MAX_PUBLIC_VALUE = 16
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+", re.IGNORECASE)
"""The scheme's length is bounded, so that matching is linear in the text, not quadratic."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Return a URL for messages and logs: no user, no fragment, and no query value that may be a key."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an invalid URL"
    host = f"[{host}]" if ":" in host else host
    authority = f"{host}:{port}" if port else host
    query = "&".join(
        f"{key}={_redact_value(key, value)}" for key, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return f"{parts.scheme}://{authority}{parts.path}{'?' + query if query else ''}"


def _redact_value(key: str, value: str) -> str:
    return value if key.lower() in _PUBLIC_KEYS and len(value) <= _MAX_PUBLIC_VALUE else "…"


def redact_urls(text: str) -> str:
    """Return a text with every URL in it redacted."""
    return _URL.sub(lambda match: redact_url(match[0]), text)


def require_web_url(text: str) -> str:
    """Return the stripped URL if it is http or https and has a host.

    Raises:
        InputMediaError: it is a local path, has another scheme, or is invalid.
    """
    url = text.strip()
    if _SURROGATE.search(url):
        raise InputMediaError(f"{redact_url(url)!r} contains an unpaired surrogate, which no URL may contain")
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise InputMediaError(f"{redact_urls(url)!r} is not a URL; write https://… or the path of an existing file")
    if scheme[1].lower() not in ("http", "https"):
        hint = "; write the path itself" if scheme[1].lower() == "file" else ""
        raise InputMediaError(f"{scheme[1].lower()}: URLs are not supported, only http and https{hint}")
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InputMediaError(f"{redact_url(url)!r} has no valid host; write https://host/path")
    return url

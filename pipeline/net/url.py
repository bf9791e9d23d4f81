"""Addresses: what may be asked for, and how one is shown without its secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from ..core.errors import InputMediaError

_OPEN_KEYS = frozenset({"v", "id", "t", "list", "p", "page", "episode", "video"})
"""Query keys that name a video and hold no secret, as long as their value is short."""
_LONGEST_OPEN_VALUE = 16
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+", re.IGNORECASE)
"""The scheme is bounded, so that a long text without addresses is read once, not once from each of its letters."""
_HALF = re.compile("[\ud800-\udfff]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


def shown(address: str) -> str:
    """Spell an address for messages and logs: no user, no fragment, and no query value that may be a key."""
    try:
        parts = urlsplit(address.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port}" if port else host
    query = "&".join(
        f"{key}={_open_value(key, value)}" for key, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return f"{parts.scheme}://{place}{parts.path}{'?' + query if query else ''}"


def _open_value(key: str, value: str) -> str:
    return value if key.lower() in _OPEN_KEYS and len(value) <= _LONGEST_OPEN_VALUE else "…"


def masked(text: str) -> str:
    """Give a message of somebody else's with the secrets of every address in it taken out."""
    return _ADDRESS.sub(lambda match: shown(match[0]), text)


def web_address(text: str) -> str:
    """Give the address back if it is one that we fetch from: http or https, with a host.

    Raises:
        BadInput: it is a local path, has another scheme, or cannot be spelled.
    """
    address = text.strip()
    if _HALF.search(address):
        raise InputMediaError(f"{shown(address)!r} holds half a character, which no address can")
    scheme = _SCHEME.match(address)
    if scheme is None:
        raise InputMediaError(
            f"{masked(address)!r} is not an address; write https://… or the path of a file that exists"
        )
    if scheme[1].lower() not in ("http", "https"):
        hint = "; write the path itself" if scheme[1].lower() == "file" else ""
        raise InputMediaError(f"{scheme[1].lower()}: addresses are not fetched, only http and https{hint}")
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if not host:
        raise InputMediaError(f"{shown(address)!r} has no host that can be read; write https://host/path")
    return address

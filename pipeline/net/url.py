"""Validate URLs, redact them for messages and logs, and refuse those of networks that a request may not reach.

Private networks are never reached, unless the policy says so; `guarded_client.py` holds to it after DNS resolution and
redirects. Refused URLs raise InputMediaError.

Sources: the IANA special-purpose address registries; RFC 6052 and RFC 3056 for IPv4 inside IPv6.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from ..core.errors import InputMediaError

_PUBLIC_KEYS = frozenset({"v", "id", "t", "list", "p", "page", "episode", "video"})
"""Query keys that name a video. Their values are not secret as long as they are short."""
_MAX_PUBLIC_VALUE = 16
_URL = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+", re.IGNORECASE)
"""The scheme's length is bounded, so that matching is linear in the text, not quadratic."""
_UNREADABLE = "an invalid URL"
"""Instead of a URL without a readable host and port: what stands there may be a part of a password."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


def redact_url(url: str) -> str:
    """Return a URL for messages and logs: no user, no fragment, and no query value that may be a key."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _UNREADABLE
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
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0  # a port above 65535 raises; a socket would wrap it round
    except ValueError:
        valid = False
    if not valid:
        shown = redact_url(url)
        subject = "the URL" if shown == _UNREADABLE else repr(shown)
        raise InputMediaError(f"{subject} has no valid host or port; write https://host/path")
    return url


IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_NETWORK = ipaddress.ip_network
_GLOBAL_IPV6 = _NETWORK("2000::/3")
_NAT64 = _NETWORK("64:ff9b::/96")
_NOT_GLOBAL = tuple(
    _NETWORK(block)
    for block in (
        # IANA IPv4 Special-Purpose Address Registry, and multicast (RFC 5771)
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # IANA IPv6 Special-Purpose Address Registry, as far as it is inside 2000::/3
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
)
"""Listed here because `ipaddress` has different versions of the registries in different versions of Python."""
SERVER_HINT = "use a public URL, or start the server with --allow-private"


@dataclass(frozen=True)
class NetworkPolicy:
    """Which networks may be reached besides the public internet."""

    allow_private: bool = False
    """Every address: private, link-local, loopback."""
    allow_loopback: bool = False


def is_allowed(ip: str, policy: NetworkPolicy) -> bool:
    """Return whether the policy allows connecting to an IP address."""
    address = _embedded_ipv4(ipaddress.ip_address(ip))
    if policy.allow_private or (policy.allow_loopback and address.is_loopback):
        return True
    if address.version == 6 and address not in _GLOBAL_IPV6:
        return False
    return not any(address in block for block in _NOT_GLOBAL if block.version == address.version)


def _embedded_ipv4(address: IP) -> IP:
    """Return the IPv4 address embedded in an IPv6 address, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped or address.sixtofour:
            return address.ipv4_mapped or address.sixtofour or address
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def check_url(url: str, policy: NetworkPolicy) -> None:
    """Refuse a URL by its text alone: scheme, literal IP address, `localhost`. No name is resolved.

    Raises:
        InputMediaError: the URL may not be downloaded.
    """
    host = urlsplit(require_web_url(url)).hostname or ""
    literal = "127.0.0.1" if host.rstrip(".").lower().endswith("localhost") else host
    try:
        allowed = is_allowed(literal, policy)
    except ValueError:
        return
    if not allowed:
        raise InputMediaError(refusal(url))


def refusal(url: str, hint: str = SERVER_HINT) -> str:
    """Return the message for a URL that may not be reached; `hint` says what to do."""
    return f"{redact_url(url)} is in a private, link-local or reserved network and is refused; {hint}"

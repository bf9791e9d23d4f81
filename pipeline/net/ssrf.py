"""Downloads that reach only where they may: every connection is checked, after DNS, redirects included.

Takes   a `Reach`: which networks may be asked.
Gives   a client for `download`; it connects to the very address that was checked, so that a name that resolves to
        something else a moment later gains nothing.
Raises  BadInput when an address leads into a network that may not be asked.
Source  IANA special-purpose address registries; RFC 6052 and RFC 3056 for IPv4 inside IPv6.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from ..core.errors import InputMediaError
from .download import open_client
from .url import redact_url, require_web_url

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
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
        # IANA IPv6 Special-Purpose Address Registry, as far as it lies inside 2000::/3
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
)
"""What `ipaddress` holds of the registries differs between Python versions, so they are listed here."""


@dataclass(frozen=True)
class NetworkPolicy:
    """Which addresses besides public ones may be asked."""

    allow_private: bool = False
    """Everything: private, link-local, loopback."""
    allow_loopback: bool = False


def is_allowed(ip: str, reach: NetworkPolicy) -> bool:
    """Tell whether an IP address may be connected to."""
    found = _inner(ipaddress.ip_address(ip))
    if reach.allow_private or (reach.allow_loopback and found.is_loopback):
        return True
    if found.version == 6 and found not in _GLOBAL_IPV6:
        return False
    return not any(found in block for block in _NOT_GLOBAL if block.version == found.version)


def _inner(found: IP) -> IP:
    """Give the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped or found.sixtofour:
            return found.ipv4_mapped or found.sixtofour or found
        if found in _NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def _is_loopback(ip: str) -> bool:
    return ipaddress.ip_address(ip).is_loopback


def check_url(address: str, reach: NetworkPolicy) -> None:
    """Refuse what can be told from the address alone: its scheme, a literal IP address, `localhost`.

    Raises:
        BadInput: it may not be fetched.
    """
    host = urlsplit(require_web_url(address)).hostname or ""
    literal = "127.0.0.1" if host.rstrip(".").lower().endswith("localhost") else host
    try:
        free = is_allowed(literal, reach)
    except ValueError:
        return
    if not free:
        raise InputMediaError(_refusal(address))


def open_guarded_client(
    reach: NetworkPolicy, resolve: Resolve | None = None, *, https_only: bool = False, hint: str = ""
) -> httpx.Client:
    """Open a client whose connections all stay within `reach`; proxies of the environment are not used.

    Args:
        reach: which networks may be asked.
        resolve: finds the IP addresses of a name.
        https_only: whether plain http is refused, but on loopback.
        hint: how messages end that refuse an address; by default they speak for the local server.
    """
    return open_client(_Guarded(reach, resolve or _resolved, https_only=https_only, hint=hint or _FOR_THE_SERVER))


_FOR_THE_SERVER = "give a public address, or start the server with --allow-private"


def _refusal(address: str, hint: str = _FOR_THE_SERVER) -> str:
    return f"{redact_url(address)}: it lies in a private, link-local or reserved network, which is not asked; {hint}"


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Guarded(httpx.BaseTransport):
    """Resolves, checks, and connects to what was checked; each redirect comes through here again."""

    def __init__(self, reach: NetworkPolicy, resolve: Resolve, *, https_only: bool, hint: str) -> None:
        self._reach, self._resolve, self._https_only, self._hint = reach, resolve, https_only, hint
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            places = self._resolve(host.strip("[]"), port)
        except OSError as error:
            raise httpx.ConnectError(f"{error.strerror or 'the name cannot be resolved'}", request=request) from error
        if not places or not all(is_allowed(place, self._reach) for place in places):
            raise InputMediaError(_refusal(str(request.url), self._hint))
        if self._https_only and request.url.scheme != "https" and not all(_is_loopback(place) for place in places):
            raise InputMediaError(
                f"{redact_url(str(request.url))}: it is not https, which is asked for here; nothing was fetched"
            )
        return self._first_that_answers(request, host, places)

    def _first_that_answers(self, request: httpx.Request, host: str, places: list[str]) -> httpx.Response:
        for place in places[:-1]:
            try:
                return self._inner.handle_request(_aimed(request, host, place))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return self._inner.handle_request(_aimed(request, host, places[-1]))

    def close(self) -> None:
        self._inner.close()


def _aimed(request: httpx.Request, host: str, place: str) -> httpx.Request:
    """Send a request to one IP address; the Host header and the name that TLS checks stay the site's own."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=place),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )

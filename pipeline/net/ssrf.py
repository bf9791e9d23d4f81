"""Downloads that reach only where they may: every connection is checked, after DNS, redirects included.

Takes   a `Reach`: which networks may be asked.
Gives   a client for `download`; it connects to the very address that was checked, so that a name that resolves to
        something else a moment later gains nothing.
Raises  BadInput when an address leads into a network that may not be asked.
Source  IANA special-purpose address registries, as `ipaddress` holds them; RFC 6052 and RFC 3056 for IPv4 inside IPv6.
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
from .url import shown, web_address

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Reach:
    """Which addresses besides public ones may be asked."""

    private: bool = False
    """Everything: private, link-local, loopback."""
    loopback: bool = False


def may_reach(ip: str, reach: Reach) -> bool:
    """Tell whether an IP address may be connected to."""
    found = _inner(ipaddress.ip_address(ip))
    if reach.private or (reach.loopback and found.is_loopback):
        return True
    return found.is_global and not found.is_multicast


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


def check_spelled(address: str, reach: Reach) -> None:
    """Refuse what can be told from the address alone: its scheme, a literal IP address, `localhost`.

    Raises:
        BadInput: it may not be fetched.
    """
    host = urlsplit(web_address(address)).hostname or ""
    literal = "127.0.0.1" if host.rstrip(".").lower().endswith("localhost") else host
    try:
        free = may_reach(literal, reach)
    except ValueError:
        return
    if not free:
        raise InputMediaError(_refusal(address))


def open_guarded_client(
    reach: Reach, resolve: Resolve | None = None, *, https_only: bool = False, hint: str = ""
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
    return f"{shown(address)}: it lies in a private, link-local or reserved network, which is not asked; {hint}"


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Guarded(httpx.BaseTransport):
    """Resolves, checks, and connects to what was checked; each redirect comes through here again."""

    def __init__(self, reach: Reach, resolve: Resolve, *, https_only: bool, hint: str) -> None:
        self._reach, self._resolve, self._https_only, self._hint = reach, resolve, https_only, hint
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            places = self._resolve(host.strip("[]"), port)
        except OSError as error:
            raise httpx.ConnectError(f"{error.strerror or 'the name cannot be resolved'}", request=request) from error
        if not places or not all(may_reach(place, self._reach) for place in places):
            raise InputMediaError(_refusal(str(request.url), self._hint))
        if self._https_only and request.url.scheme != "https" and not all(_is_loopback(place) for place in places):
            raise InputMediaError(
                f"{shown(str(request.url))}: it is not https, which is asked for here; nothing was fetched"
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

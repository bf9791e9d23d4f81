"""Download client that refuses private networks, also after DNS resolution and redirects.

It connects to the very IP address that was checked, so a name that resolves differently a moment later (DNS rebinding)
gains nothing. Refused addresses raise InputMediaError.

Sources: the IANA special-purpose address registries; RFC 6052 and RFC 3056 for IPv4 inside IPv6.
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
from .http_pool import tls_context
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
        # IANA IPv6 Special-Purpose Address Registry, as far as it is inside 2000::/3
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
)
"""Listed here because `ipaddress` has different versions of the registries in different versions of Python."""
_SERVER_HINT = "use a public URL, or start the server with --allow-private"


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


def _is_loopback(ip: str) -> bool:
    return ipaddress.ip_address(ip).is_loopback


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
        raise InputMediaError(_refusal(url))


def open_guarded_client(
    policy: NetworkPolicy, resolve: Resolve | None = None, *, https_only: bool = False, hint: str = ""
) -> httpx.Client:
    """Return a client whose connections all follow `policy`. It ignores the proxies of the environment.

    Args:
        policy: which networks may be reached.
        resolve: returns the IP addresses of a host name and port.
        https_only: whether plain http is refused, except on loopback.
        hint: how the message of a refusal ends; default: what to do at the local server.
    """
    return open_client(_GuardedTransport(policy, resolve or _resolve, https_only=https_only, hint=hint or _SERVER_HINT))


def _refusal(url: str, hint: str = _SERVER_HINT) -> str:
    return f"{redact_url(url)} is in a private, link-local or reserved network and is refused; {hint}"


def _resolve(host: str, port: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


class _GuardedTransport(httpx.BaseTransport):
    """Resolve a host, check every address, and connect to a checked one; each redirect passes through here too."""

    def __init__(self, policy: NetworkPolicy, resolve: Resolve, *, https_only: bool, hint: str) -> None:
        self._policy, self._resolve, self._https_only, self._hint = policy, resolve, https_only, hint
        self._transport = httpx.HTTPTransport(verify=tls_context(), limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            ips = self._resolve(host.strip("[]"), port)
        except OSError as error:
            raise httpx.ConnectError(f"{error.strerror or 'the name cannot be resolved'}", request=request) from error
        if not ips or not all(is_allowed(ip, self._policy) for ip in ips):
            raise InputMediaError(_refusal(str(request.url), self._hint))
        if self._https_only and request.url.scheme != "https" and not all(_is_loopback(ip) for ip in ips):
            raise InputMediaError(f"{redact_url(str(request.url))} is not https; nothing was downloaded")
        return self._first_response(request, host, ips)

    def _first_response(self, request: httpx.Request, host: str, ips: list[str]) -> httpx.Response:
        for ip in ips[:-1]:
            try:
                return self._transport.handle_request(_pinned(request, host, ip))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return self._transport.handle_request(_pinned(request, host, ips[-1]))

    def close(self) -> None:
        self._transport.close()


def _pinned(request: httpx.Request, host: str, ip: str) -> httpx.Request:
    """Return the request for one IP address, with the Host header and TLS server name of the site."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=ip),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )

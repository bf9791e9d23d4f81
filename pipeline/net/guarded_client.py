"""Download client that refuses private networks, also after DNS resolution and redirects.

It connects to the very IP address that was checked, so a name that resolves differently a moment later (DNS rebinding)
gains nothing. Refused addresses raise InputMediaError.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import httpx

from ..core.errors import InputMediaError
from .download import open_client
from .http_pool import tls_context
from .url import SERVER_HINT, NetworkPolicy, is_allowed, redact_url, refusal

Resolve = Callable[[str, int], list[str]]


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
    return open_client(_GuardedTransport(policy, resolve or _resolve, https_only=https_only, hint=hint or SERVER_HINT))


def _resolve(host: str, port: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _is_loopback(ip: str) -> bool:
    return ipaddress.ip_address(ip).is_loopback


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
            raise InputMediaError(refusal(str(request.url), self._hint))
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

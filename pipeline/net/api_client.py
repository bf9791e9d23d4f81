"""A host that knows us by a key; the key goes to its own origin, and nowhere else.

Takes   the host's base address and the key.
Gives   replies; redirects within the host are followed for GET.
Raises  HostFailed when an address lies elsewhere or cannot be read, before it is asked; NotSent and Unanswered as
        `Pool` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..core.errors import ProviderError
from .http_pool import Body, Pool, Reply
from .rate_limit import RateBudget, reset_in_s
from .url import shown

MAX_REDIRECTS = 5
USUAL_HOLD_S = 15.0
"""How long a host that answers 429 without a time is left alone."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Host:
    """One origin, its key and its budget of requests."""

    def __init__(self, base: str, key: str, pool: Pool, budget: RateBudget, header: str = "x-api-key") -> None:
        self.base = base.rstrip("/")
        self._key, self._pool, self._budget, self._header = key, pool, budget, header

    def __repr__(self) -> str:
        """Name the host without its key."""
        return f"Host({shown(self.base)!r})"

    def hidden(self, text: str) -> str:
        """Give a text without the key, should the host repeat it."""
        return text.replace(self._key, "…") if self._key else text

    async def get(self, place: str, *, params: Mapping[str, str] | None = None, read_s: float = 60.0) -> Reply:
        """Ask for a path of this host, or for one of its addresses."""
        url = self._own(place)
        for _ in range(MAX_REDIRECTS):
            reply = await self._ask("GET", url, params=params, read_s=read_s)
            if reply.status not in _REDIRECTS:
                return reply
            url, params = self._own(_led_to(url, reply)), None
        raise ProviderError(f"{shown(url)}: more than {MAX_REDIRECTS} redirects", retryable=True)

    async def post(
        self,
        place: str,
        told: Any = None,
        *,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        read_s: float = 60.0,
        into: Path | None = None,
        method: str = "POST",
    ) -> Reply:
        """Send `told` as JSON, or a body as it is; never sent twice, never redirected."""
        kind = {"content-type": "application/json"} if body is None else {}
        content = json.dumps(told).encode() if body is None else body
        sent = {**kind, **(headers or {})}
        return await self._ask(method, self._own(place), headers=sent, body=content, read_s=read_s, into=into)

    async def _ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
        await self._budget.turn()
        reply = await self._pool.ask(method, url, headers={**(headers or {}), self._header: self._key}, **more)
        if reply.status == 429:
            self._budget.hold(told_to_wait_s(reply))
        return reply

    def _own(self, place: str) -> str:
        """Give the whole address of a path or an address of this host.

        Raises:
            HostFailed: it lies at another origin, which must not see the key.
        """
        if "://" not in place:
            return f"{self.base}/{place.lstrip('/')}"
        if origin(place) != origin(self.base):
            raise ProviderError(
                f"{shown(place)} is not at {shown(self.base)}: the key was not sent there; look at the host's settings",
                retryable=False,
            )
        return place


def told_to_wait_s(reply: Reply) -> float:
    """Tell how long the host wants to be left alone: by its header, by its body, else a usual time."""
    told_s = reset_in_s(reply.headers.get("x-rate-limit-reset-at-utc"), datetime.now(UTC))
    if told_s is not None:
        return told_s
    in_body = reply.object().get("retryAfterSeconds")
    if isinstance(in_body, bool) or not isinstance(in_body, (int, float)) or not 0 <= in_body < math.inf:
        return USUAL_HOLD_S
    return float(in_body)


def _led_to(url: str, reply: Reply) -> str:
    place: str = reply.headers.get("location", "")
    try:
        return urljoin(url, place)
    except ValueError as error:
        raise ProviderError(f"{shown(url)}: it leads to an address that cannot be read", retryable=True) from error


def origin(address: str) -> tuple[str, str, int]:
    """Give scheme, host and port of an address; the last is 0 where it cannot be read."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
        return parts.scheme.lower(), (parts.hostname or "").lower(), port
    except ValueError:
        return "", "", 0

"""The one pool of connections of a process, for hosts that are asked with a key and for what they hand out.

Takes   a request: method, address, headers, a body that is bytes or an iterable of them.
Gives   a `Reply`, its body bounded; or, where a file is wanted, the body on disk, bounded too.
Raises  NotSent where nothing can have reached the host; Unanswered where something may have.

Hundreds of jobs wait at a gate, not in the pool: httpx's pool looks at every waiting request at every turn.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

MOST_BODY_BYTES = 4 << 20
MOST_FILE_BYTES = 4 << 30
AT_ONCE = 20
"""Requests under way at the same time."""
KEPT_S = 20.0
"""How long an idle connection is kept: shorter than servers do, so that none closes as a request is sent."""
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.LocalProtocolError,
)
Body = bytes | AsyncIterator[bytes]

for _name in ("httpx", "httpcore"):  # these two log whole addresses
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotSent(Exception):
    """No connection could be made, so the host has seen nothing."""


class Unanswered(Exception):
    """The request may have reached the host; its answer was lost."""


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: httpx.Headers
    body: bytes
    """Empty where it went to a file."""
    file: Path | None = None

    @property
    def kind(self) -> str:
        """The content type, without parameters, in lower case."""
        told: str = self.headers.get("content-type", "")
        return told.partition(";")[0].strip().lower()

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    def object(self) -> dict[str, Any]:
        """Give the JSON object of the body; an empty one where the body is something else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Pool(AbstractAsyncContextManager["Pool"]):
    """Connections to every host; proxies of the environment are used, but never for loopback."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, at_once: int = AT_ONCE) -> None:
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once, keepalive_expiry=KEPT_S)
        own = {name: httpx.AsyncHTTPTransport(limits=limits) for name in _LOOPBACK} if transport is None else None
        self._client = httpx.AsyncClient(
            transport=transport, limits=limits, mounts=own, headers={"User-Agent": "react1-nodes"}
        )
        self._gate = asyncio.Semaphore(at_once)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        read_s: float = 60.0,
        into: Path | None = None,
    ) -> Reply:
        """Send one request and give its answer; redirects are not followed.

        Args:
            method: such as GET.
            url: the whole address.
            headers: beside the usual ones.
            params: the query; None keeps what the address has.
            body: bytes, or an iterator of them (then `headers` must carry the content-length).
            read_s: how long the host may be silent.
            into: a file for a body that is not JSON and not text; the folder exists.
        """
        timeout = httpx.Timeout(read_s, connect=15.0, pool=None)
        try:
            async with self._gate:
                with _spelling():
                    request = self._client.build_request(
                        method, url, headers=headers, params=params, content=body, timeout=timeout
                    )
                    request.url.host.encode("idna")
                response = await self._client.send(request, stream=True)
                try:
                    return await _received(response, into)
                finally:
                    await response.aclose()
        except _NEVER_LEFT as error:
            raise NotSent(_plain(error)) from error
        except (httpx.TransportError, httpx.DecodingError, UnicodeError) as error:
            raise Unanswered(_plain(error)) from error


@contextmanager
def _spelling() -> Iterator[None]:
    """Refuse what has no bytes, or names no host, before anything is sent; later such a fault is the answer's."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeError) as error:
        raise NotSent(_unspeakable(error)) from error


async def _received(response: httpx.Response, into: Path | None) -> Reply:
    kind = response.headers.get("content-type", "").lower()
    if into is not None and response.is_success and not kind.startswith(("application/json", "text/")):
        await _kept(response, into)
        return Reply(response.status_code, response.headers, b"", into)
    parts, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MOST_BODY_BYTES:
            raise Unanswered(f"the answer is longer than {MOST_BODY_BYTES} bytes")
        parts.append(piece)
    return Reply(response.status_code, response.headers, b"".join(parts))


async def _kept(response: httpx.Response, into: Path) -> None:
    """Write a body to a file; where the disk will not have it, the host has worked and its answer is lost."""
    size = 0
    try:
        with into.open("wb") as file:
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > MOST_FILE_BYTES:
                    raise Unanswered(f"the answer is longer than {MOST_FILE_BYTES} bytes")
                file.write(piece)
    except OSError as error:
        raise Unanswered(f"the answer could not be written to {into}: {error.strerror or error}") from error


def _plain(error: Exception) -> str:
    """Say in a few words what happened to a connection."""
    if isinstance(error, httpx.TimeoutException):
        return "the host did not answer in time"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        what = "host cannot be reached" if isinstance(error, httpx.ConnectError) else "proxy does not let us through"
        return f"the {what}: {error}" if str(error) else f"the {what}"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return _unspeakable(error)
    return "the connection was broken off"


def _unspeakable(error: Exception) -> str:
    """Say what cannot be sent, without its text: it may be the key."""
    if not isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
        return "the address cannot be read"
    return "the request cannot be spelled; look for a stray character in the key"

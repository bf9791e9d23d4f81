"""The connection pool of a process: one request per call, response bodies bounded, no retries, no redirects.

Waiting requests queue at a semaphore, not in httpx's pool, which scans all waiting requests whenever one finishes.

Decompress a response body piece by piece, so that no chunk of a bomb expands in memory all at once.

Source: RFC 9110, 8.4.1 (deflate is a zlib stream; some servers send it without the zlib header).
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

PIECE_BYTES = 1 << 20
"""Longest piece that is returned at once."""
_GZIP_OR_ZLIB, _RAW = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class BodyError(Exception):
    """A body is compressed in a way that cannot be read, or damaged."""


class BodyDecoder:
    """Decompress one body with the encoding of its `Content-Encoding` header."""

    def __init__(self, encoding: str) -> None:
        """Read nothing yet.

        Raises:
            BodyError: the encoding is neither gzip nor deflate nor identity; only identity is asked for.
        """
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BodyError(f"the response is compressed with {name[:40]!r}, although none was asked for")
        self._inflate = None if name in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._may_be_raw = name == "deflate"

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk decompresses to, in pieces of at most PIECE_BYTES; a plain chunk as it is.

        Raises:
            BodyError: the body is damaged.
        """
        if self._inflate is None:
            yield chunk
            return
        piece = self._decompress(chunk)
        while piece:
            yield piece
            piece = self._decompress(self._inflate.unconsumed_tail)

    def finish(self) -> None:
        """Check that the body was complete.

        Raises:
            BodyError: it was not.
        """
        if self._inflate is not None and not self._inflate.eof:
            raise BodyError("the compressed response is truncated")

    def _decompress(self, data: bytes) -> bytes:
        assert self._inflate is not None
        may_be_raw, self._may_be_raw = self._may_be_raw, False
        try:
            return self._inflate.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            if not may_be_raw:
                raise BodyError("the compressed response is damaged") from error
        self._inflate = zlib.decompressobj(_RAW)
        return self._decompress(data)


MAX_BODY_BYTES = 4 << 20
MAX_FILE_BYTES = 4 << 30
MAX_REQUESTS = 20
"""Requests in flight at the same time."""
KEEPALIVE_S = 20.0
"""Lifetime of an idle connection: shorter than servers', so that none closes while a request is being sent."""
_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
_HEADERS = {"User-Agent": "react1-nodes", "Accept-Encoding": "identity"}
RequestBody = bytes | AsyncIterator[bytes]

for _name in ("httpx", "httpcore"):  # these two log complete URLs, which may contain keys
    logging.getLogger(_name).setLevel(logging.WARNING)


class NotSent(Exception):
    """No connection was made, so the server has received nothing."""


class Unanswered(Exception):
    """The request may have reached the server, but its response was lost."""


@dataclass(frozen=True)
class HttpResponse:
    """A received response."""

    status: int
    headers: httpx.Headers
    body: bytes
    """Empty if it was written to a file."""
    file: Path | None = None

    @property
    def content_type(self) -> str:
        """The content type in lower case, without parameters."""
        header: str = self.headers.get("content-type", "")
        return header.partition(";")[0].strip().lower()

    @property
    def date(self) -> datetime | None:
        """When the server sent it, by the server's clock; None without a valid `Date` header."""
        try:
            date = parsedate_to_datetime(self.headers.get("date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return date if date.tzinfo else date.replace(tzinfo=UTC)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body, or {} if the body is anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the trusted certificates, loaded once per process: loading them takes 50 ms."""
    import httpx

    return httpx.create_ssl_context()


class HttpPool(AbstractAsyncContextManager["HttpPool"]):
    """Connections to all servers. The environment's proxies are used, except for loopback."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, max_requests: int = MAX_REQUESTS) -> None:
        import httpx  # not with the module: it takes a tenth of a run that sends nothing

        limits = httpx.Limits(
            max_connections=max_requests, max_keepalive_connections=max_requests, keepalive_expiry=KEEPALIVE_S
        )
        mounts = None
        if transport is None:
            mounts = {name: httpx.AsyncHTTPTransport(verify=tls_context(), limits=limits) for name in _LOOPBACK}
        self._client = httpx.AsyncClient(
            verify=tls_context(),
            transport=transport,
            limits=limits,
            mounts=mounts,
            headers=_HEADERS,
        )
        self._semaphore = asyncio.Semaphore(max_requests)
        self._dates: dict[str, tuple[datetime, float]] = {}
        """By host: its latest `Date` header, and the monotonic seconds of its arrival."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self._client.aclose()

    def server_now(self, url: str) -> datetime | None:
        """Return the time by the clock of a URL's host, whatever this machine's clock says.

        None if no response of that host has stated a time yet.
        """
        import httpx

        date, arrived_s = self._dates.get(httpx.URL(url).host, (None, 0.0))
        return date and date + timedelta(seconds=time.monotonic() - arrived_s)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: RequestBody | None = None,
        timeout_s: float = 60.0,
        limit_s: float | None = None,
        to_file: Path | None = None,
    ) -> HttpResponse:
        """Send one request and return its response; redirects are not followed.

        Args:
            method: such as GET.
            url: the absolute URL.
            headers: besides the default ones.
            params: the query; None keeps the query of `url`.
            body: bytes, or an iterator of them (then `headers` must have the content-length).
            timeout_s: how long the server may be silent.
            limit_s: how long the complete request may take, to the last byte of the response; default: `timeout_s`.
            to_file: where to write a successful body that is neither JSON nor text; its folder exists.

        Raises:
            NotSent: the server has received nothing.
            Unanswered: the server may have received it.
        """
        import httpx

        timeout = httpx.Timeout(timeout_s, connect=15.0, pool=None)
        limit_s = timeout_s if limit_s is None else limit_s
        try:
            async with self._semaphore:
                with _invalid_request():
                    request = self._client.build_request(
                        method, url, headers=headers, params=params, content=body, timeout=timeout
                    )
                    request.url.host.encode("idna")
                async with asyncio.timeout(limit_s):
                    response = await self._client.send(request, stream=True)
                    try:
                        received = await _receive(response, to_file)
                    finally:
                        await response.aclose()
                if received.date is not None:
                    self._dates[request.url.host] = received.date, time.monotonic()
                return received
        except TimeoutError as error:
            raise Unanswered(f"the response was not complete after {limit_s:g} s") from error
        except BodyError as error:
            raise Unanswered(str(error)) from error
        except _not_sent_errors() as error:
            raise NotSent(_describe(error)) from error
        except (httpx.TransportError, httpx.DecodingError, UnicodeError) as error:
            raise Unanswered(_describe(error)) from error


@functools.cache
def _not_sent_errors() -> tuple[type[Exception], ...]:
    import httpx

    return (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        httpx.ProxyError,
        httpx.LocalProtocolError,
    )


@contextmanager
def _invalid_request() -> Iterator[None]:
    """Raise NotSent for a request that cannot be encoded. Once it is sent, the same errors concern the response."""
    import httpx

    try:
        yield
    except (httpx.InvalidURL, UnicodeError) as error:
        raise NotSent(_describe_invalid(error)) from error


async def _receive(response: httpx.Response, to_file: Path | None) -> HttpResponse:
    content_type = response.headers.get("content-type", "").lower()
    if to_file is not None and response.is_success and not content_type.startswith(("application/json", "text/")):
        await _write_body(response, to_file)
        return HttpResponse(response.status_code, response.headers, b"", to_file)
    chunks, size_bytes = [], 0
    async for chunk in _decoded(response):
        size_bytes += len(chunk)
        if size_bytes > MAX_BODY_BYTES:
            raise Unanswered(f"the response is longer than {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return HttpResponse(response.status_code, response.headers, b"".join(chunks))


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield a body, decompressed in small pieces if it is compressed although that was not asked for."""
    encoding = response.headers.get("content-encoding", "")
    if not encoding or encoding.lower() == "identity":
        async for chunk in response.aiter_bytes():
            yield chunk
        return
    decoder = BodyDecoder(encoding)
    async for chunk in response.aiter_raw():
        for piece in decoder.decode(chunk):
            yield piece
    decoder.finish()


async def _write_body(response: httpx.Response, path: Path) -> None:
    """Stream a body to a file. A write error raises Unanswered: the request was executed."""
    size_bytes = 0
    try:
        with path.open("wb") as file:
            async for chunk in _decoded(response):
                size_bytes += len(chunk)
                if size_bytes > MAX_FILE_BYTES:
                    raise Unanswered(f"the response is longer than {MAX_FILE_BYTES} bytes")
                file.write(chunk)
    except OSError as error:
        raise Unanswered(f"the response could not be written to {path}: {error.strerror or error}") from error


def _describe(error: Exception) -> str:
    """Return in a few words what happened to a connection."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "the server did not respond in time"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        what = "server cannot be reached" if isinstance(error, httpx.ConnectError) else "proxy refused the connection"
        return f"the {what}: {error}" if str(error) else f"the {what}"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return _describe_invalid(error)
    return "the connection was lost"


def _describe_invalid(error: Exception) -> str:
    """Return why a request cannot be sent, without the error's own text, which may contain the key."""
    import httpx

    if not isinstance(error, httpx.LocalProtocolError | UnicodeEncodeError):
        return "the URL is invalid"
    return "the request contains an invalid character; check the key"

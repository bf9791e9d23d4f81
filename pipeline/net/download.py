"""Download a file over http(s): streamed to disk, resumed after an interruption, and complete at the end.

Source: RFC 9110, 13.1.5 If-Range, 14.2 Range, 14.4 Content-Range.

Limit the time of a complete download: httpx limits the silence between two reads only.

When the time is over, the connection is shut down from another thread, which ends a read that waits for the next byte
of a body or of a header.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from ..core.errors import InputMediaError, ProviderError, StorageFailed
from .download_response import DownloadResponse, WebPageError, describe_status, parse_response, reject_web_page
from .http_pool import BodyDecoder, BodyError
from .url import redact_url, require_web_url

_OPENED = ("connect_tcp.complete", "start_tls.complete")


class TimeLimit:
    """A limit in seconds from the start of the block; `expired` says whether it is over."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s, self.expired = limit_s, False
        self._stream: Any = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the limit while the block runs."""
        timer = threading.Timer(self.limit_s, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note the connection of a request; for httpx's request extension `trace`."""
        if event.endswith(_OPENED):
            with self._lock:
                self._stream = info["return_value"]
                if self.expired:
                    self._shut_down()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._stream is None:
            return
        with contextlib.suppress(OSError):  # it is closed already
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


__all__ = ["Download", "WebPageError", "download", "open_client"]

MAX_REDIRECTS = 10
DownloadClient = httpx.Client
"""An open client; several threads may share it."""
TIMEOUT = httpx.Timeout(20.0, connect=15.0)
"""Seconds; the read limit applies to each chunk, not to the complete file."""
LIMIT_S = 4 * 3600.0
"""How long a complete download may take, waits and further attempts included."""
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Waits before the second attempt, the third, and so on."""
MAX_WAIT_S = 60.0
"""Longest Retry-After that is obeyed."""
PROGRESS_BYTES = 1 << 20
"""An attempt that received this much resets the count of attempts."""
_HEADERS = {"Accept-Encoding": "identity", "Accept": "*/*"}

for _name in ("httpx", "httpcore"):  # these two log complete URLs, which may contain keys
    logging.getLogger(_name).setLevel(logging.WARNING)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A finished download."""

    path: Path
    size_bytes: int
    content_type: str
    final_path: str
    """The path part of the URL after all redirects; its suffix indicates the format."""


@dataclass
class _Transfer:
    """A download in progress."""

    url: str
    file: IO[bytes]
    max_bytes: int
    progress: Callable[[float], None]
    sha256: str
    limit: TimeLimit
    done_bytes: int = 0
    total_bytes: int | None = None
    validator: str = ""
    """For If-Range; "" if the server sent nothing usable."""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def restart(self) -> None:
        """Drop what was received."""
        self.file.seek(0)
        self.file.truncate()
        self.done_bytes, self.digest = 0, hashlib.sha256()

    def report(self) -> None:
        """Report the received share; 0 if the total is unknown."""
        self.progress(min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0)

    def wait(self, seconds: float) -> None:
        """Wait, calling `progress` four times a second so that it can stop the download."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.report()
            time.sleep(min(0.25, left))


class _Interrupted(Exception):
    """The response ended early or never came; another attempt may help."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def open_client(transport: httpx.BaseTransport | None = None, timeout: httpx.Timeout = TIMEOUT) -> httpx.Client:
    """Return a client with the settings of all downloads."""
    return httpx.Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"User-Agent": "react1-nodes"},
    )


def download(
    url: str,
    dest: Path,
    *,
    max_bytes: int,
    progress: Callable[[float], None] = lambda _: None,
    client: httpx.Client | None = None,
    sha256: str = "",
    limit_s: float = LIMIT_S,
    waits_s: tuple[float, ...] = WAITS_S,
    sleep: Callable[[float], None] | None = None,
) -> Download:
    """Download a URL to `dest`, which is removed again on failure.

    Args:
        url: http or https.
        dest: where to write; the folder exists.
        max_bytes: a larger file is refused, by its announced length or by counting.
        progress: gets the received share, 0 to 1 (0 while the length is unknown); what it raises is passed on.
        client: an open client to use; it stays open.
        sha256: the expected digest in hex, if known.
        limit_s: how long the complete download may take, waits and further attempts included.
        waits_s: seconds before the second attempt, the third, and so on; there are no more attempts than that.
        sleep: replaces the wait, for tests; the default keeps calling `progress`.

    Raises:
        WebPageError: the response is a web page or a playlist.
        InputMediaError: the file is empty, too large, or has another digest.
        ProviderError: the server refuses, cannot be reached, keeps closing the connection, or is too slow.
        StorageFailed: the file cannot be written.
    """
    require_web_url(url)
    try:
        with contextlib.ExitStack() as stack:
            client = client or stack.enter_context(open_client())
            file = stack.enter_context(dest.open("wb"))
            limit = TimeLimit(limit_s)
            stack.enter_context(limit.running())
            transfer = _Transfer(url, file, max_bytes, progress, sha256, limit)
            response = _until_complete(client, transfer, waits_s, sleep)
    except OSError as error:
        dest.unlink(missing_ok=True)
        raise StorageFailed(f"{dest.name} could not be written: {error.strerror or error}") from error
    except BaseException:
        dest.unlink(missing_ok=True)
        raise
    return Download(dest, dest.stat().st_size, response.content_type, response.path)


def _until_complete(
    client: httpx.Client, transfer: _Transfer, waits_s: tuple[float, ...], sleep: Callable[[float], None] | None
) -> DownloadResponse:
    # Not stamina: an attempt continues the one before by Range, one that received enough resets the count, and
    # `progress` may stop the wait. stamina repeats a call from its start and cannot express any of these.
    failures = 0
    while True:
        before_bytes = transfer.done_bytes
        try:
            response = _attempt(client, transfer)
        except _Interrupted as error:
            _check_time(transfer)
            failures = 0 if transfer.done_bytes - before_bytes >= PROGRESS_BYTES else failures
            url, done_bytes = redact_url(transfer.url), transfer.done_bytes
            if failures == len(waits_s):
                after = f" after {done_bytes} of {transfer.total_bytes or 'unknown'} bytes" if done_bytes else ""
                message = f"{url}: {error}{after}, tried {failures + 1} times; try again later"
                raise ProviderError(message, retryable=True) from error
            _log.info("download_interrupted host=%s bytes=%d", httpx.URL(transfer.url).host, done_bytes)
            (sleep or transfer.wait)(max(waits_s[failures], min(error.wait_s, MAX_WAIT_S)))
            failures += 1
            continue
        digest = transfer.digest.hexdigest()
        if transfer.sha256 and digest != transfer.sha256.lower():
            raise InputMediaError(f"{redact_url(transfer.url)}: SHA-256 is {digest}, expected {transfer.sha256}")
        return response


def _attempt(client: httpx.Client, transfer: _Transfer) -> DownloadResponse:
    headers = dict(_HEADERS)
    if transfer.done_bytes and transfer.validator:
        headers |= {"Range": f"bytes={transfer.done_bytes}-", "If-Range": transfer.validator}
    _check_time(transfer)
    extensions = {"trace": transfer.limit.trace}
    with (
        _translate_errors(transfer.url),
        client.stream("GET", transfer.url, headers=headers, extensions=extensions) as stream,
    ):
        response = parse_response(stream.status_code, stream.headers, stream.url.path)
        if response.status == 416 and transfer.done_bytes:
            transfer.restart()
            raise _Interrupted("the server does not have the requested byte range")
        if response.retryable:
            raise _Interrupted(describe_status(response), response.retry_after_s)
        if response.status not in (200, 206):
            raise ProviderError(f"{redact_url(transfer.url)}: {describe_status(response)}", retryable=False)
        _align(transfer, response)
        if response.encoded:
            reject_web_page(transfer.url, response, b"")
        _receive(transfer, response, _decoded(transfer, stream))
    if transfer.total_bytes is not None and transfer.done_bytes != transfer.total_bytes:
        raise _Interrupted("the connection was closed early")
    return response


def _align(transfer: _Transfer, response: DownloadResponse) -> None:
    """Check that the body continues what was received, restart if it does not, and update the total length."""
    if response.status == 206 and response.offset != transfer.done_bytes:
        transfer.restart()
        raise _Interrupted("the server returned a different byte range than requested")
    if response.status == 206 and transfer.done_bytes and response.total_bytes not in (None, transfer.total_bytes):
        transfer.restart()
        raise _Interrupted("the file has changed on the server")
    if response.status == 200 and transfer.done_bytes:
        transfer.restart()
    transfer.total_bytes = response.total_bytes or (transfer.total_bytes if response.status == 206 else None)
    transfer.validator = response.validator
    _check_size(transfer, transfer.total_bytes or 0)


def _receive(transfer: _Transfer, response: DownloadResponse, chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        if not transfer.done_bytes:
            reject_web_page(transfer.url, response, chunk)
        _check_size(transfer, transfer.done_bytes + len(chunk))
        transfer.file.write(chunk)
        transfer.digest.update(chunk)
        transfer.done_bytes += len(chunk)
        transfer.report()
    _check_time(transfer)  # a connection that was shut down looks like the end of a body of unknown length
    if not transfer.done_bytes:
        raise InputMediaError(f"{redact_url(transfer.url)}: the server returned an empty file")


def _decoded(transfer: _Transfer, stream: httpx.Response) -> Iterator[bytes]:
    """Yield a body, decompressed in small pieces if it is compressed although that was not asked for."""
    try:
        decoder = BodyDecoder(stream.headers.get("content-encoding", ""))
    except BodyError as error:
        raise ProviderError(f"{redact_url(transfer.url)}: {error}", retryable=False) from error
    for chunk in stream.iter_raw():
        yield from decoder.decode(chunk)
    decoder.finish()


def _check_time(transfer: _Transfer) -> None:
    if transfer.limit.expired:
        raise ProviderError(
            f"{redact_url(transfer.url)}: the download took longer than {transfer.limit.limit_s:g} s, for "
            f"{transfer.done_bytes} of {transfer.total_bytes or 'unknown'} bytes; try again later",
            retryable=True,
        )


def _check_size(transfer: _Transfer, size_bytes: int) -> None:
    if size_bytes > transfer.max_bytes:
        raise InputMediaError(
            f"{redact_url(transfer.url)}: {size_bytes / 1e6:.1f} MB is more than the limit of "
            f"{transfer.max_bytes / 1e6:g} MB; raise max_size_mb"
        )


@contextlib.contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Translate httpx's errors: permanent ones to ProviderError, the others to _Interrupted."""
    try:
        yield
    except httpx.TooManyRedirects as error:
        raise ProviderError(f"{redact_url(url)}: more than {MAX_REDIRECTS} redirects") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.DecodingError) as error:
        raise ProviderError(f"{redact_url(url)}: unusable response: {type(error).__name__}") from error
    except UnicodeError as error:
        raise ProviderError(f"{redact_url(url)}: invalid host name", retryable=False) from error
    except httpx.ConnectError as error:
        # Most likely the host name is wrong, so no attempt follows.
        reason = re.sub(r"^\[.*?\] *", "", str(error))
        raise ProviderError(f"{redact_url(url)}: the server cannot be reached: {reason}", retryable=True) from error
    except BodyError as error:
        raise _Interrupted(str(error)) from error
    except httpx.TimeoutException as error:
        raise _Interrupted("the server did not respond in time") from error
    except httpx.TransportError as error:
        raise _Interrupted("the connection was lost") from error

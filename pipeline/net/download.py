"""Fetch a file by http(s): streamed to disk, resumed when broken off, and whole at the end.

Takes   an address, a path to write, the most bytes that it may take.
Gives   `Download`: what arrived, as long as the server said, with the digest that was asked for.
Raises  PageInstead when the answer is a web page or a playlist; BadInput when it is too large or its digest is
        another; HostFailed when the server refuses, is out of reach or breaks off; StorageFailed when the disk is full.
Source  RFC 9110: 13.1.5 If-Range, 14.2 Range, 14.4 Content-Range.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from ..core.errors import InputMediaError, ProviderError, StorageFailed
from .download_response import Answer, PageInstead, check_head, read_answer, refused
from .url import shown, web_address

__all__ = ["Download", "PageInstead", "download", "open_client"]

MAX_REDIRECTS = 10
DownloadClient = httpx.Client
"""An open client; it may be used by several threads."""
TIMEOUT = httpx.Timeout(20.0, connect=15.0)
"""Seconds; the read limit is for each piece, not for the whole."""
WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Waits before the tries that follow the first one."""
LONGEST_WAIT_S = 60.0
"""The most that a server's Retry-After is obeyed."""
GAIN_BYTES = 1 << 20
"""A try that brought this much starts the count of tries afresh."""
_ASK = {"Accept-Encoding": "identity", "Accept": "*/*"}

# These two log whole addresses, and an address may hold a key.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A finished file."""

    path: Path
    size_bytes: int
    content_type: str
    final_path: str
    """The path part of the address after all redirects; its suffix tells the format."""


@dataclass
class _Work:
    """One download in the making."""

    address: str
    file: IO[bytes]
    max_bytes: int
    progress: Callable[[float], None]
    sha256: str
    done_bytes: int = 0
    total_bytes: int | None = None
    validator: str = ""
    """What If-Range can hold the server to; empty where it gave nothing of the kind."""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def restart(self) -> None:
        """Forget what has arrived."""
        self.file.seek(0)
        self.file.truncate()
        self.done_bytes, self.digest = 0, hashlib.sha256()

    def tell(self) -> None:
        """Tell the share that has arrived, 0 where the whole is unknown."""
        self.progress(min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0)

    def wait(self, seconds: float) -> None:
        """Wait, and ask four times a second whether to go on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tell()
            time.sleep(min(0.25, left))


class _BrokenOff(Exception):
    """The answer ended early, or never came; trying again may help."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def open_client(transport: httpx.BaseTransport | None = None, timeout: httpx.Timeout = TIMEOUT) -> httpx.Client:
    """Open a client as all downloads want it."""
    return httpx.Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers={"User-Agent": "react1-nodes"},
    )


def download(
    address: str,
    dest: Path,
    *,
    max_bytes: int,
    progress: Callable[[float], None] = lambda _: None,
    client: httpx.Client | None = None,
    sha256: str = "",
    waits_s: tuple[float, ...] = WAITS_S,
    sleep: Callable[[float], None] | None = None,
) -> Download:
    """Write what an address gives to `dest`, which is removed again if that fails.

    Args:
        address: http or https.
        dest: a path to write; the folder exists.
        max_bytes: more than this is refused, by the announced length or by counting.
        progress: gets the share that has arrived, 0 to 1 (0 where the length is unknown); what it raises is passed on.
        client: an open client to use; it stays open.
        sha256: the content's digest in hex, where it is known.
        waits_s: seconds before the second try, the third, and so on; no more tries than that.
        sleep: waits so many seconds, so that tests need not; else `progress` is asked meanwhile whether to go on.
    """
    web_address(address)
    try:
        with contextlib.ExitStack() as stack:
            client = client or stack.enter_context(open_client())
            file = stack.enter_context(dest.open("wb"))
            answer = _until_whole(client, _Work(address, file, max_bytes, progress, sha256), waits_s, sleep)
    except OSError as error:
        dest.unlink(missing_ok=True)
        raise StorageFailed(f"{dest.name} could not be written: {error.strerror or error}") from error
    except BaseException:
        dest.unlink(missing_ok=True)
        raise
    return Download(dest, dest.stat().st_size, answer.content_type, answer.path)


def _until_whole(
    client: httpx.Client, work: _Work, waits_s: tuple[float, ...], sleep: Callable[[float], None] | None
) -> Answer:
    tries = 0
    while True:
        before = work.done_bytes
        try:
            answer = _one_try(client, work)
        except _BrokenOff as broken:
            tries = 0 if work.done_bytes - before >= GAIN_BYTES else tries
            if tries == len(waits_s):
                told = f" after {work.done_bytes} of {work.total_bytes or 'unknown'} bytes" if work.done_bytes else ""
                message = f"{shown(work.address)}: {broken}{told}, tried {tries + 1} times; try again later"
                raise ProviderError(message, retryable=True) from broken
            _log.info("download_broken_off address=%s bytes=%d", shown(work.address), work.done_bytes)
            (sleep or work.wait)(max(waits_s[tries], min(broken.wait_s, LONGEST_WAIT_S)))
            tries += 1
            continue
        if work.sha256 and work.digest.hexdigest() != work.sha256.lower():
            raise InputMediaError(f"{shown(work.address)}: its SHA-256 is {work.digest.hexdigest()}, not {work.sha256}")
        return answer


def _one_try(client: httpx.Client, work: _Work) -> Answer:
    headers = dict(_ASK)
    if work.done_bytes and work.validator:
        headers |= {"Range": f"bytes={work.done_bytes}-", "If-Range": work.validator}
    with _plain_failures(work.address), client.stream("GET", work.address, headers=headers) as response:
        answer = read_answer(response.status_code, response.headers, response.url.path)
        if answer.status == 416 and work.done_bytes:
            work.restart()
            raise _BrokenOff("the server has no such part of the file")
        if answer.retry:
            raise _BrokenOff(refused(answer), answer.wait_s)
        if answer.status not in (200, 206):
            raise ProviderError(f"{shown(work.address)}: {refused(answer)}", retryable=False)
        _place(work, answer)
        _receive(work, answer, response.iter_bytes() if answer.encoded else response.iter_raw())
    if work.total_bytes is not None and work.done_bytes != work.total_bytes:
        raise _BrokenOff("the connection ended early")
    return answer


def _place(work: _Work, answer: Answer) -> None:
    """Agree with the answer on where its first byte belongs, and on the whole length."""
    if answer.status == 206 and answer.offset != work.done_bytes:
        work.restart()
        raise _BrokenOff("the server gave another part than the one asked for")
    if answer.status == 206 and work.done_bytes and answer.total_bytes not in (None, work.total_bytes):
        work.restart()
        raise _BrokenOff("the file has changed on the server")
    if answer.status == 200 and work.done_bytes:
        work.restart()
    work.total_bytes = answer.total_bytes or (work.total_bytes if answer.status == 206 else None)
    work.validator = answer.validator
    _limit(work, work.total_bytes or 0)


def _receive(work: _Work, answer: Answer, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        if not work.done_bytes:
            check_head(work.address, answer, piece)
        _limit(work, work.done_bytes + len(piece))
        work.file.write(piece)
        work.digest.update(piece)
        work.done_bytes += len(piece)
        work.tell()
    if not work.done_bytes:
        raise InputMediaError(f"{shown(work.address)}: the server gave an empty file")


def _limit(work: _Work, size_bytes: int) -> None:
    if size_bytes > work.max_bytes:
        raise InputMediaError(
            f"{shown(work.address)}: {size_bytes / 1e6:.1f} MB is more than the limit of {work.max_bytes / 1e6:g} MB; "
            "raise max_size_mb"
        )


@contextlib.contextmanager
def _plain_failures(address: str) -> Iterator[None]:
    """Say in our words what went wrong between us and the server."""
    try:
        yield
    except httpx.TooManyRedirects as error:
        raise ProviderError(f"{shown(address)}: more than {MAX_REDIRECTS} redirects") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.DecodingError) as error:
        raise ProviderError(f"{shown(address)}: the server's answer cannot be used: {type(error).__name__}") from error
    except UnicodeError as error:
        raise ProviderError(f"{shown(address)}: no host can have such a name", retryable=False) from error
    except httpx.ConnectError as error:
        # A wrong host name is the likeliest cause: no waiting for that.
        reason = re.sub(r"^\[.*?\] *", "", str(error))
        raise ProviderError(f"{shown(address)}: the host cannot be reached: {reason}", retryable=True) from error
    except httpx.TimeoutException as error:
        raise _BrokenOff("the server did not answer in time") from error
    except httpx.TransportError as error:
        raise _BrokenOff("the connection was broken off") from error

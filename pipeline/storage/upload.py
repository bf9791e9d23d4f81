"""What all uploads share: types by suffix, files read piece by piece, and tries that may be made again.

An upload is not paid, so, unlike a call of the model, it may be sent again after any failure.

Raises  StorageFailed when a file cannot be read; BadInput when it is too large; HostFailed when it is not taken.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import IO

from ..core.errors import InputMediaError, ProviderError, StorageFailed
from ..net.error_text import Hide, as_it_is
from ..net.http_pool import NotSent, Reply, Unanswered
from .upload_errors import hint, told
from .upload_storage import Progress

TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
}
PIECE_BYTES = 3 << 18
"""A multiple of three, so that base64 can be written piece by piece."""
WAITS_S = (1.0, 2.0, 4.0)
"""Waits before the tries that follow the first one."""
_AGAIN = frozenset({408, 425, 429})
Sleep = Callable[[float], Awaitable[object]]


def type_of(suffix: str) -> str:
    """Give the media type of a suffix with its dot."""
    return TYPES.get(suffix.lower(), "application/octet-stream")


def size_of(path: Path) -> int:
    """Give how long a file is, in bytes."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unread(path, error) from error


def check_size(path: Path, storage: str, most_bytes: int | None) -> None:
    """Refuse a file that a storage does not take, before any of it is sent.

    Raises:
        BadInput: it is too large.
    """
    size_bytes = size_of(path)
    if most_bytes is not None and size_bytes > most_bytes:
        raise InputMediaError(
            f"a file of {size_bytes / 1e6:.1f} MB is not taken by storage {storage}, whose limit is "
            f"{most_bytes / 1e6:g} MB; choose another storage, such as s3"
        )


async def pieces(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    """Read a file piece by piece, off the event loop; a 4 GB file takes no more memory than a small one.

    What `progress` raises ends it, and with it the upload.
    """
    total, done = size_of(path), 0
    stream = await asyncio.to_thread(_opened, path)
    try:
        while done < total:
            piece = await asyncio.to_thread(_read, stream, path, min(PIECE_BYTES, total - done))
            yield piece
            done += len(piece)
            progress(done / total)
    finally:
        stream.close()


async def in_base64(path: Path, before: bytes, after: bytes, progress: Progress) -> AsyncIterator[bytes]:
    """Read a file as base64 between two texts."""
    yield before
    async for piece in pieces(path, progress):
        yield base64.b64encode(piece)
    yield after


def base64_bytes(size_bytes: int) -> int:
    """Give how long a file is in base64."""
    return -(-size_bytes // 3) * 4


async def with_tries(
    send: Callable[[], Awaitable[Reply]],
    storage: str,
    sleep: Sleep = asyncio.sleep,
    hidden: Hide = as_it_is,
) -> Reply:
    """Send until it is taken: again after a failure that may pass, not after a refusal.

    Args:
        send: one try.
        storage: its name, for messages.
        sleep: waits so many seconds.
        hidden: takes secrets out of what a host says.

    Raises:
        HostFailed: it was refused, or every try failed.
    """
    why = ""
    for wait_s in (*WAITS_S, None):
        try:
            reply = await send()
        except (NotSent, Unanswered) as error:
            why = str(error)
        else:
            if reply.ok:
                return reply
            why = told(reply, hidden)
            if reply.status < 500 and reply.status not in _AGAIN:
                raise ProviderError(f"the upload to {storage} was refused: {why}{hint(reply.status)}", billed=False)
        if wait_s is not None:
            await sleep(wait_s)
    raise failed_for_good(storage, why)


def failed_for_good(storage: str, why: str) -> ProviderError:
    """Give the error of an upload that no try has brought there."""
    return ProviderError(
        f"the upload to {storage} failed {len(WAITS_S) + 1} times: {why}; nothing was paid, run again",
        retryable=True,
        billed=False,
    )


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unread(path, error) from error


def _read(stream: IO[bytes], path: Path, wanted_bytes: int) -> bytes:
    try:
        piece = stream.read(wanted_bytes)
    except OSError as error:
        raise _unread(path, error) from error
    if len(piece) < wanted_bytes:
        raise StorageFailed(f"{path} became shorter while it was sent; run again")
    return piece


def _unread(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(f"{path} cannot be read for an upload: {error.strerror or error}")

"""What all uploads share: types by suffix, files read piece by piece, and tries that may be made again.

An upload is not paid, so, unlike a call of the model, it may be sent again after any failure.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from ..errors import HostFailed
from .address import masked
from .contract import Progress
from .pool import NotSent, Reply, Unanswered

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
_AGAIN = frozenset({408, 425, 429})
Sleep = Callable[[float], Awaitable[object]]


def type_of(suffix: str) -> str:
    """Give the media type of a suffix with its dot."""
    return TYPES.get(suffix.lower(), "application/octet-stream")


def size_of(path: Path) -> int:
    """Give how long a file is, in bytes."""
    return path.stat().st_size


async def pieces(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    """Read a file piece by piece, off the event loop; a 4 GB file takes no more memory than a small one."""
    total, done = max(1, size_of(path)), 0
    with path.open("rb") as stream:
        while piece := await asyncio.to_thread(stream.read, PIECE_BYTES):
            yield piece
            done += len(piece)
            progress(done / total)


async def in_base64(path: Path, before: bytes, after: bytes, progress: Progress) -> AsyncIterator[bytes]:
    """Read a file as base64 between two texts."""
    yield before
    async for piece in pieces(path, progress):
        yield base64.b64encode(piece)
    yield after


def base64_bytes(size_bytes: int) -> int:
    """Give how long a file is in base64."""
    return -(-size_bytes // 3) * 4


async def with_tries(send: Callable[[], Awaitable[Reply]], storage: str, sleep: Sleep = asyncio.sleep) -> Reply:
    """Send until it is taken: again after a failure that may pass, not after a refusal.

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
            why = told(reply)
            if reply.status < 500 and reply.status not in _AGAIN:
                raise HostFailed(f"the upload to {storage} was refused: {why}", billed=False)
        if wait_s is not None:
            await sleep(wait_s)
    raise HostFailed(
        f"the upload to {storage} failed {len(WAITS_S) + 1} times: {why}; nothing was paid, run again",
        retryable=True,
        billed=False,
    )


def told(reply: Reply) -> str:
    """Say what a refusal says."""
    body = reply.object()
    said = next((body[name] for name in ("error", "message", "detail") if isinstance(body.get(name), str)), "")
    return f"{reply.status}{': ' + masked(' '.join(said.split()))[:200] if said else ''}"

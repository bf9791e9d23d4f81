"""Give freed memory back to the system while many films run.

glibc keeps what a thread has freed in that thread's arena, so a batch whose films wait would hold the buffers of all
decoders and encoders that have ended. Other C libraries have no such call, and nothing happens there.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator

TRIM_EVERY_S = 1.0
_M_ARENA_MAX = -8  # malloc.h
_MAX_ARENAS = 2


@contextlib.asynccontextmanager
async def freed_memory_returned() -> AsyncIterator[None]:
    """Return freed memory to the system every second, while the block runs."""
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_M_ARENA_MAX, _MAX_ARENAS)
    trimming = asyncio.create_task(_trim(libc))
    try:
        yield
    finally:
        trimming.cancel()


async def _trim(libc: ctypes.CDLL) -> None:
    while True:
        await asyncio.sleep(TRIM_EVERY_S)
        await asyncio.to_thread(libc.malloc_trim, 0)


def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
    except (OSError, TypeError):
        return None

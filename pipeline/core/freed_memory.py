"""Return to the system what was freed: glibc keeps it, in arenas of the threads that have freed it.

A step that has ended would else leave the memory of its decoders and encoders to the process, and the next one's comes
on top: at 4K, 400 MB. Other C libraries have no such call.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

LARGE_BYTES = 768 << 20
"""A smaller process keeps what it has freed: to get it back, page by page, took a fifth of the time of short runs."""


def glibc() -> Any:
    """Return the C library of this process; None if it is another one."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
    except (OSError, TypeError):
        return None


def return_freed_memory() -> None:
    """Return the freed memory of a large process to the system, as far as whole pages are free."""
    if _resident_bytes() < LARGE_BYTES:
        return
    libc = glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _resident_bytes() -> int:
    """Return how much memory this process has; 0 where the system has no such file."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")

"""Return to the system what was freed: glibc keeps it, in arenas of the threads that have freed it.

A step that has ended would else leave the memory of its decoders and encoders to the process, and the next one's comes
on top: at 4K, 400 MB. Other C libraries have no such call.
"""

from __future__ import annotations

import ctypes
from typing import Any


def glibc() -> Any:
    """Return the C library of this process; None if it is another one."""
    try:
        libc = ctypes.CDLL(None)
        return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
    except (OSError, TypeError):
        return None


def return_freed_memory() -> None:
    """Return freed memory to the system, as far as whole pages are free; it takes a few milliseconds."""
    libc = glibc()
    if libc is not None:
        libc.malloc_trim(0)

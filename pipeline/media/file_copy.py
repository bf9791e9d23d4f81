"""Move bytes between files the cheapest way that the system has, and take bytes out of a file.

Takes   paths, or files that were opened without a buffer (`buffering=0`).
Gives   copies; which way it was done is told, since one costs nothing and the other a film's worth of writing.
Raises  OSError where the disk will not have it.
Source  ioctl_ficlone(2), copy_file_range(2), sendfile(2), fallocate(2) of Linux.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Literal

_FICLONE = 0x40049409
_HOLE = 0x03
"""FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: the bytes read as zeros, and their blocks are given back."""
_RUN_BYTES = 64 << 20
"""How much the kernel is asked to copy at once: an interrupt is heard between two runs."""
_BLOCK_BYTES = 1 << 20
_NOT_HERE = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})

Move = Callable[[int, int, int, int], int]


def share_blocks(source: Path, made: Path) -> bool:
    """Make `made` a copy of `source` that shares its blocks until either is written to; tell whether that was had.

    Where it was not, `made` may stand there, empty.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as given, made.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, given.fileno())
        except OSError:
            return False
    return True


def copy_file(source: Path, made: Path) -> Literal["reflink", "bytes"]:
    """Write `made` as a copy that may be edited; give how it was made."""
    if share_blocks(source, made):
        return "reflink"
    with source.open("rb", buffering=0) as given, made.open("wb", buffering=0) as target:
        copy_span(given, target, 0, os.fstat(given.fileno()).st_size)
    return "bytes"


def copy_span(source: FileIO, out: FileIO, offset: int, size_bytes: int) -> int:
    """Append `size_bytes` from `offset` of `source` at the place of `out`; give how many there were to copy."""
    done = 0
    for move in (_within_files, _within_kernel, _by_hand):
        while done < size_bytes:
            try:
                moved = move(source.fileno(), out.fileno(), offset + done, min(size_bytes - done, _RUN_BYTES))
            except OSError as error:
                if move is _by_hand or error.errno not in _NOT_HERE:
                    raise
                break
            if not moved:
                break
            done += moved
    return done


def _within_files(source: int, out: int, offset: int, size_bytes: int) -> int:
    """Let the file system copy; it may share the blocks."""
    if sys.platform != "linux":
        return 0
    return os.copy_file_range(source, out, size_bytes, offset_src=offset)


def _within_kernel(source: int, out: int, offset: int, size_bytes: int) -> int:
    """Copy between two file systems without bringing the bytes into this process."""
    if sys.platform != "linux":
        return 0
    return os.sendfile(out, source, offset, size_bytes)


def _by_hand(source: int, out: int, offset: int, size_bytes: int) -> int:
    os.lseek(source, offset, os.SEEK_SET)
    block = memoryview(os.read(source, min(size_bytes, _BLOCK_BYTES)))
    done = 0
    while done < len(block):
        done += os.write(out, block[done:])
    return done


def clear_span(out: FileIO, offset: int, size_bytes: int) -> None:
    """Turn a span of a file into zeros; its blocks are given back where the file system can do that."""
    if size_bytes <= 0 or _punch(out.fileno(), offset, size_bytes):
        return
    out.seek(offset)
    left, zeros = size_bytes, memoryview(bytes(min(size_bytes, _BLOCK_BYTES)))
    while left:
        left -= out.write(zeros[:left])


def _punch(handle: int, offset: int, size_bytes: int) -> bool:
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) < 8:
        return False
    punch = ctypes.CDLL(None).fallocate
    punch.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    return int(punch(handle, _HOLE, offset, size_bytes)) == 0

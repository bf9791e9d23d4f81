"""Copy files and byte ranges in the cheapest way that the system has, and zero byte ranges.

Files are paths, or opened unbuffered (`buffering=0`). Raises OSError if the disk is full or fails.
Source: ioctl_ficlone(2), copy_file_range(2), sendfile(2), fallocate(2) of Linux.
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

from ...core.cancellation import raise_if_stopped

_FICLONE = 0x40049409
_PUNCH_HOLE = 0x03
"""FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE: the bytes read as zeros, and their blocks are freed."""
_CHUNK_BYTES = 64 << 20
"""Copied per system call; interrupts, and whether the run was stopped, are handled between two calls."""
_BLOCK_BYTES = 1 << 20
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})

CopyCall = Callable[[int, int, int, int], int]


def reflink(source: Path, target: Path) -> bool:
    """Make `target` a copy of `source` that shares its blocks until either is written to; return whether it worked.

    If it did not, `target` may exist and be empty.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        except OSError:
            return False
    return True


def copy_file(source: Path, target: Path) -> Literal["reflink", "bytes"]:
    """Copy a file so that the copy can be edited; return how."""
    if reflink(source, target):
        return "reflink"
    copy_bytes(source, target)
    return "bytes"


def copy_bytes(source: Path, target: Path) -> None:
    """Copy the bytes of a file; a stopped run stops after at most 64 MiB."""
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        copy_range(reader, writer, 0, os.fstat(reader.fileno()).st_size)


def copy_range(source: FileIO, out: FileIO, offset: int, size_bytes: int) -> int:
    """Append `size_bytes` from `offset` of `source` at the position of `out`; return how many there were to copy."""
    done = 0
    for move in (_copy_file_range, _sendfile, _read_write):
        while done < size_bytes:
            raise_if_stopped()
            try:
                moved = move(source.fileno(), out.fileno(), offset + done, min(size_bytes - done, _CHUNK_BYTES))
            except OSError as error:
                if move is _read_write or error.errno not in _UNSUPPORTED:
                    raise
                break
            if not moved:
                break
            done += moved
    return done


def _copy_file_range(source: int, out: int, offset: int, size_bytes: int) -> int:
    """Let the file system copy, which may share the blocks."""
    if sys.platform != "linux":
        return 0
    return os.copy_file_range(source, out, size_bytes, offset_src=offset)


def _sendfile(source: int, out: int, offset: int, size_bytes: int) -> int:
    """Copy between two file systems without bringing the bytes into this process."""
    if sys.platform != "linux":
        return 0
    return os.sendfile(out, source, offset, size_bytes)


def _read_write(source: int, out: int, offset: int, size_bytes: int) -> int:
    os.lseek(source, offset, os.SEEK_SET)
    block = memoryview(os.read(source, min(size_bytes, _BLOCK_BYTES)))
    done = 0
    while done < len(block):
        done += os.write(out, block[done:])
    return done


def zero_range(out: FileIO, offset: int, size_bytes: int) -> None:
    """Zero a range of a file; its blocks are freed if the file system can do that."""
    if size_bytes <= 0 or _punch_hole(out.fileno(), offset, size_bytes):
        return
    out.seek(offset)
    left, zeros = size_bytes, memoryview(bytes(min(size_bytes, _BLOCK_BYTES)))
    while left:
        left -= out.write(zeros[:left])


def _punch_hole(handle: int, offset: int, size_bytes: int) -> bool:
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_long) < 8:
        return False
    punch = ctypes.CDLL(None).fallocate
    punch.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    return int(punch(handle, _PUNCH_HOLE, offset, size_bytes)) == 0

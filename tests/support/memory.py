"""Measure the memory of this process while something runs."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from react1.pipeline.core.freed_memory import glibc

STATM, PAGE_BYTES = Path("/proc/self/statm"), 4096


class MemoryGrowth:
    """A progress callback that samples the memory; `most_bytes` is the largest growth since the start."""

    def __init__(self) -> None:
        if not STATM.exists():
            pytest.skip("the system does not report the memory of a process")
        gc.collect()
        libc = glibc()
        if libc is not None:
            libc.malloc_trim(0)  # what lies free would be used without a growth
        self._before, self.most_bytes, self.samples = self._now(), 0, 0

    def __call__(self, _share: float = 0.0) -> None:
        self.samples += 1
        self.most_bytes = max(self.most_bytes, self._now() - self._before)

    @staticmethod
    def _now() -> int:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES


def write_sparse(path: Path, size_bytes: int) -> Path:
    """Write a sparse file of this size."""
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    return path

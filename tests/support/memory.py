"""How much memory this process holds, seen while something runs."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

STATM, PAGE_BYTES = Path("/proc/self/statm"), 4096


class Growth:
    """Called as often as one likes; `most_bytes` is by how much the process has grown at most since the start."""

    def __init__(self) -> None:
        if not STATM.exists():
            pytest.skip("the system does not tell how much memory a process holds")
        gc.collect()
        self._before, self.most_bytes, self.looks = self._now(), 0, 0

    def __call__(self, _share: float = 0.0) -> None:
        self.looks += 1
        self.most_bytes = max(self.most_bytes, self._now() - self._before)

    @staticmethod
    def _now() -> int:
        return int(STATM.read_text().split()[1]) * PAGE_BYTES


def sparse(path: Path, size_bytes: int) -> Path:
    """A file that is long and takes no place."""
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    return path

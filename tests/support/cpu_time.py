"""Measure how the CPU time of a function grows with its input, whatever else the machine does."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_time_growth(work: Callable[[int], object], small: int, large: int) -> float:
    """Return how many times more CPU time of this thread `work(large)` takes than `work(small)`; the best of three."""
    return _cpu_s(work, large) / max(_cpu_s(work, small), 1e-4)


def _cpu_s(work: Callable[[int], object], size: int) -> float:
    durations_s = []
    for _ in range(3):
        start_s = time.thread_time()
        work(size)
        durations_s.append(time.thread_time() - start_s)
    return min(durations_s)

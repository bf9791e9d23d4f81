"""Work side by side, in order, and with a bound on what waits.

Whatever the threads' timing, results come out in the order of what went in; a consumer that stops, or is stopped by an
error, finds no thread running any more.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

_lock = threading.Lock()
_inside = 0
_threads_before = 0


def workers() -> int:
    """Give how many threads compute: one per core that this process may use, four at most."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, usable)


def ordered(calls: Iterable[Callable[[], Item]], count: int, waiting_most: int) -> Generator[Item, None, None]:
    """Give what calls give, in their order, while `count` threads run ahead by at most `waiting_most` calls.

    The caller's thread reads the iterable. Close the generator (`contextlib.closing`) when it is left early.
    """
    with ThreadPoolExecutor(count, thread_name_prefix="react1-engine") as pool:
        waiting: deque[Future[Item]] = deque()
        try:
            for call in calls:
                waiting.append(pool.submit(call))
                if len(waiting) > waiting_most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


def ahead(items: Iterator[Item], most: int) -> Generator[Item, None, None]:
    """Give what an iterator gives, while a thread of its own reads on by at most `most` items.

    Close the generator (`contextlib.closing`) when it is left early.
    """
    end = object()

    def read() -> Item | object:
        return next(items, end)

    with ThreadPoolExecutor(1, thread_name_prefix="react1-reader") as pool:
        waiting = deque(pool.submit(read) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(read))
                yield item  # type: ignore[misc]
        finally:
            for left in waiting:
                left.cancel()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep OpenCV from starting threads inside of ours for the time of the block; blocks may nest and overlap."""
    import cv2

    global _inside, _threads_before  # noqa: PLW0603 - the number is the process's, and so is this count
    with _lock:
        if _inside == 0:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                cv2.setNumThreads(_threads_before)

"""Run calls in a few threads, with results in order and a bounded queue.

The order does not depend on the timing of the threads. A consumer that stops, or is stopped by an error, leaves no
thread running.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

from ...core.side_by_side import usable_cores

Item = TypeVar("Item")

_lock = threading.Lock()
_inside = 0
_threads_before = 0


def worker_count() -> int:
    """Return the number of computing threads: one per usable core, at most four."""
    return min(4, usable_cores())


def run_ordered(calls: Iterable[Callable[[], Item]], count: int, most_waiting: int) -> Generator[Item, None, None]:
    """Yield the results of the calls in order, while `count` threads run ahead by at most `most_waiting` calls.

    The caller's thread reads the iterable. Close the generator (`contextlib.closing`) if you leave it early.
    """
    with ThreadPoolExecutor(count, thread_name_prefix="react1-engine") as pool:
        waiting: deque[Future[Item]] = deque()
        try:
            for call in calls:
                waiting.append(pool.submit(copy_context().run, call))
                if len(waiting) > most_waiting:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def read_ahead(items: Iterator[Item], most: int) -> Generator[Item, None, None]:
    """Yield the items of an iterator, while another thread reads ahead by at most `most` items.

    Close the generator (`contextlib.closing`) if you leave it early.
    """
    end = object()

    def read() -> Item | object:
        return next(items, end)

    with ThreadPoolExecutor(1, thread_name_prefix="react1-reader") as pool:
        waiting = deque(pool.submit(copy_context().run, read) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(copy_context().run, read))
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def single_threaded_opencv() -> Iterator[None]:
    """Stop OpenCV from starting its own threads inside the block; blocks may nest and overlap."""
    import cv2

    global _inside, _threads_before  # noqa: PLW0603 - the number is process-wide, and so is this count
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

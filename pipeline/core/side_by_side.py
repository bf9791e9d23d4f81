"""Run independent calls in a few threads, with their results in order, and read iterators ahead in another thread.

The order does not depend on the timing of the threads. A consumer that stops, or is stopped by an error, leaves no
thread running.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from .cancellation import raise_if_stopped, stop_checked_by

Item = TypeVar("Item")
Result = TypeVar("Result")


class _OtherFailed(Exception):
    """Another call has failed: this one need not end."""


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Return the number of threads that work on frames: one per usable core, at most four, since each holds frames."""
    return min(4, usable_cores())


def run_side_by_side(calls: Sequence[Callable[[], Result]], workers: int) -> list[Result]:
    """Return the results of the calls, in their order, whatever order they end in.

    With one worker they run one after the other in this thread. The first call that raises stops the others where they
    ask whether to stop (`raise_if_stopped`), and its error is raised; so does a stopped run.

    Args:
        calls: must not depend on each other.
        workers: threads, at least 1.
    """
    if workers <= 1 or len(calls) <= 1:
        return [call() for call in calls]
    failed = threading.Event()

    def run(call: Callable[[], Result]) -> Result:
        outer = copy_context()

        def check() -> None:
            if failed.is_set():
                raise _OtherFailed
            outer.run(raise_if_stopped)

        try:
            with stop_checked_by(check):
                check()
                return call()
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(min(workers, len(calls)), thread_name_prefix="react1-range") as pool:
        futures = [pool.submit(copy_context().run, run, call) for call in calls]
        errors = [error for future in futures if (error := future.exception()) is not None]
    first = next((error for error in errors if not isinstance(error, _OtherFailed)), None)
    if first is not None:
        raise first
    return [future.result() for future in futures]


def run_ordered(calls: Iterable[Callable[[], Result]], count: int, most_waiting: int) -> Generator[Result, None, None]:
    """Yield the results of the calls in order, while `count` threads run ahead by at most `most_waiting` calls.

    The caller's thread reads the iterable. Close the generator (`contextlib.closing`) if you leave it early.
    """
    with ThreadPoolExecutor(count, thread_name_prefix="react1-ordered") as pool:
        waiting: deque[Future[Result]] = deque()
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

    Close the generator (`contextlib.closing`) if you leave it early; that closes the iterator, too, if it is a
    generator.
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
            pool.shutdown()
            if isinstance(items, Generator):
                items.close()

"""Run independent calls in a few threads, with their results in order."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from .cancellation import raise_if_stopped, stop_checked_by

Result = TypeVar("Result")


class _OtherFailed(Exception):
    """Another call has failed: this one need not end."""


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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

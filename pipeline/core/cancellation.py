"""The stop signal of the running call, for long loops and waits far below the node that must not outlive a stopped run.

The executor sets the check around a call; readers and writers of frames ask it, once a frame. Threads that a call
starts must carry its context (`contextvars.copy_context`), as `side_by_side.py` does.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar
from weakref import WeakValueDictionary

Item = TypeVar("Item")

_check: ContextVar[Callable[[], None] | None] = ContextVar("react1_stop_check", default=None)
_CHECK_INTERVAL_S = 0.2
"""How often a wait for another thread's work checks whether to stop."""
_guard = threading.Lock()
_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()


@contextlib.contextmanager
def stop_checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Let `raise_if_stopped` call `check` inside the block; `check` raises if the call has to stop."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def raise_if_stopped() -> None:
    """Raise what the check of the running call raises; do nothing outside a call.

    Raises:
        Interrupted: the run was stopped.
        ToolFailed: the call takes longer than its limit.
    """
    check = _check.get()
    if check is not None:
        check()


def stoppable(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the items, and ask before each whether the running call has to stop."""
    for item in items:
        raise_if_stopped()
        yield item


@contextlib.contextmanager
def exclusive(name: str, check: Callable[[], object] = raise_if_stopped) -> Iterator[None]:
    """Let one thread of this process at a time work on what has this name.

    Args:
        name: of the work, such as its cache key.
        check: called while another thread is at work; it raises to stop waiting.
    """
    with _guard:
        lock = _locks.setdefault(name, threading.Lock())
    while not lock.acquire(timeout=_CHECK_INTERVAL_S):
        check()
    try:
        yield
    finally:
        lock.release()

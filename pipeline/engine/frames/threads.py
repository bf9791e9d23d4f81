"""Keep OpenCV from starting threads of its own beside those that draw."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_threads_before = 0


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

"""Keep native libraries from writing to standard error while they load and warm up."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

_STDERR = 2
_lock = threading.Lock()
_depth = 0
_saved = -1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send file descriptor 2 of this process to nowhere for the time of the block; blocks may nest and overlap.

    It hushes other threads as well, so hold it for moments only.
    """
    _hush()
    try:
        yield
    finally:
        _restore()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Load a native library quietly; a warning that is an error must not break its import half way through.

    On Python 3.12 its bindings warn of types without a module, and cannot be imported a second time.
    """
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _hush() -> None:
    global _depth, _saved  # noqa: PLW0603 - the file descriptor is the process's, and so is this count
    with _lock:
        if _depth == 0:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            try:
                _saved = os.dup(_STDERR)
            except OSError:
                _saved = -1
            else:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, _STDERR)
                os.close(nowhere)
        _depth += 1


def _restore() -> None:
    global _depth, _saved  # noqa: PLW0603
    with _lock:
        _depth -= 1
        if _depth == 0 and _saved >= 0:
            os.dup2(_saved, _STDERR)
            os.close(_saved)
            _saved = -1

"""Silence native libraries on standard error while they load and warm up."""

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
def silence_stderr() -> Iterator[None]:
    """Redirect stderr (file descriptor 2) to /dev/null inside the block; blocks may nest and overlap.

    It is process-wide and silences other threads too, so keep the block short.
    """
    _redirect()
    try:
        yield
    finally:
        _restore()


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Import a native library inside the block without output and without warnings.

    On Python 3.12 bindings may warn about types without a module; where warnings are errors that would abort the import
    half way, and the bindings cannot be imported a second time.
    """
    with silence_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _redirect() -> None:
    global _depth, _saved  # noqa: PLW0603 - the file descriptor is process-wide, and so is this count
    with _lock:
        if _depth == 0:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            try:
                _saved = os.dup(_STDERR)
            except OSError:
                _saved = -1
            else:
                devnull = os.open(os.devnull, os.O_WRONLY)
                os.dup2(devnull, _STDERR)
                os.close(devnull)
        _depth += 1


def _restore() -> None:
    global _depth, _saved  # noqa: PLW0603
    with _lock:
        _depth -= 1
        if _depth == 0 and _saved >= 0:
            os.dup2(_saved, _STDERR)
            os.close(_saved)
            _saved = -1

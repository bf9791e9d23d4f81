"""Silence native libraries on standard error while they load and warm up, and load no plotting library with them."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

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
    """Import a native library inside the block without output, without warnings and without matplotlib.

    On Python 3.12 its bindings warn about types without a module; where warnings are errors that would abort the
    import half way, and the bindings cannot be imported a second time. mediapipe imports matplotlib for a function that
    shows landmarks in a window, which takes half a second; it is imported if that function is called.
    """
    with silence_stderr(), warnings.catch_warnings(), _postponed("matplotlib", "pyplot"):
        warnings.simplefilter("ignore")
        yield


class _Postponed(ModuleType):
    """A module that is imported when something in it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _remove_postponed(self.__name__)
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _postponed(package: str, module: str) -> Iterator[None]:
    """Put a stand-in in the place of a package and one of its modules, unless the package is loaded."""
    if package in sys.modules:
        yield
        return
    outer, inner = _Postponed(package), _Postponed(f"{package}.{module}")
    setattr(outer, module, inner)
    sys.modules.update({outer.__name__: outer, inner.__name__: inner})
    try:
        yield
    finally:
        _remove_postponed(inner.__name__)


def _remove_postponed(name: str) -> None:
    for loaded in (name, name.partition(".")[0]):
        if isinstance(sys.modules.get(loaded), _Postponed):
            sys.modules.pop(loaded, None)


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

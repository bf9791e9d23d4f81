"""Whether this machine can run the local engine, and what to do where it cannot."""

from __future__ import annotations

import importlib
from functools import lru_cache

from ..core.errors import MissingExtra
from .landmarks.backend import INSTALL, Backend, backend
from .landmarks.model_file import HOW_TO_GET, VARIABLE
from .quiet import loading

NEEDED = ("cv2", "mediapipe")
NO_LIBGL = "the local engine needs libGL.so.1: install libgl1 (Debian/Ubuntu: apt-get install libgl1)"
NO_LIBGLES = "the local engine cannot load {}: install it (Debian/Ubuntu: apt-get install libegl1 libgles2)"
NO_START = f"{VARIABLE}: {{}} cannot load it ({{}}); {HOW_TO_GET}"


def require() -> None:
    """Make sure that the local engine can run.

    Raises:
        MissingExtra: it cannot; the message says what to install.
    """
    found = problem()
    if found is not None:
        raise MissingExtra(found)


def problem() -> str | None:
    """Tell in one line what keeps the local engine from running; None where nothing does."""
    try:
        chosen = backend()
    except MissingExtra as error:
        return error.message
    return _unloadable() or (_unopened(chosen) if chosen.by_file else None)


def _unloadable() -> str | None:
    for name in NEEDED:
        try:
            _load(name)
        except ModuleNotFoundError as error:
            return INSTALL if error.name in NEEDED else f"the local engine cannot load {name}: {error}; {INSTALL}"
        except ImportError as error:
            return NO_LIBGL if "libGL.so" in str(error) else f"the local engine cannot load {name}: {error}"
    return None


def _load(name: str) -> None:
    with loading():
        importlib.import_module(name)


@lru_cache(maxsize=4)
def _unopened(chosen: Backend) -> str | None:
    """Open the networks of a user's file once: that it has the right names says little."""
    try:
        chosen.open().close()
    except (OSError, RuntimeError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        library = said.partition(":")[0]
        return NO_LIBGLES.format(library) if "cannot open shared object" in said else _no_start(chosen, said)
    return None


def _no_start(chosen: Backend, said: str) -> str:
    return NO_START.format(chosen.identity, said[:160])

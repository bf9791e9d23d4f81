"""Check whether this machine can run the local engine; if not, say what to install.

Native libraries are silenced on standard error while they load and warm up.
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import lru_cache

from ..core.errors import MissingExtra
from .landmarks.backend import INSTALL_HINT, Backend, select_backend
from .landmarks.model_file import HOW_TO_GET, VARIABLE
from .quiet import quiet_import

NEEDED = ("cv2", "mediapipe")
NO_LIBGL = "the local engine needs libGL.so.1: install libgl1 (Debian/Ubuntu: apt-get install libgl1)"
NO_LIBGLES = "the local engine cannot load {}; install it (Debian/Ubuntu: apt-get install libegl1 libgles2)"
UNLOADABLE_MODEL = f"{VARIABLE}: {{}} cannot load it ({{}}); {HOW_TO_GET}"


def require() -> None:
    """Raise unless the local engine can run.

    Raises:
        MissingExtra: it cannot; the message says what to install.
    """
    reason = problem()
    if reason is not None:
        raise MissingExtra(reason)


def require_installed() -> None:
    """Raise unless the local engine is installed; nothing is loaded, so what does not load is found when it renders.

    Loading the landmark library takes a second, which a run whose takes are stored need not wait.

    Raises:
        MissingExtra: it is not installed; the message says what to install.
    """
    selected = select_backend()
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise MissingExtra(INSTALL_HINT)
    reason = _model_problem(selected) if selected.by_file else None
    if reason is not None:
        raise MissingExtra(reason)


def require_opencv() -> None:
    """Raise unless takes can be drawn on faces that were found before, which needs OpenCV alone.

    Raises:
        MissingExtra: OpenCV does not load; the message says what to install.
    """
    require_installed()
    reason = _import_problem(("cv2",))
    if reason is not None:
        raise MissingExtra(reason)


def problem() -> str | None:
    """Return one line on what keeps the local engine from running, or None."""
    try:
        selected = select_backend()
    except MissingExtra as error:
        return error.message
    return _import_problem(NEEDED) or (_model_problem(selected) if selected.by_file else None)


def _import_problem(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            _load(name)
        except ModuleNotFoundError as error:
            if error.name in NEEDED:
                return INSTALL_HINT
            return f"the local engine cannot load {name}: {error}; {INSTALL_HINT}"
        except ImportError as error:
            return NO_LIBGL if "libGL.so" in str(error) else f"the local engine cannot load {name}: {error}"
    return None


def _load(name: str) -> None:
    with quiet_import():
        importlib.import_module(name)


@lru_cache(maxsize=4)
def _model_problem(selected: Backend) -> str | None:
    """Open the networks of the user's file once: the right names inside it prove little."""
    try:
        selected.open().close()
    except (OSError, RuntimeError, ValueError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        if "cannot open shared object" in first_line:
            return NO_LIBGLES.format(first_line.partition(":")[0])
        return UNLOADABLE_MODEL.format(selected.identity, first_line[:160])
    return None

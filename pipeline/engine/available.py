"""Check whether this machine can run the local engine; if not, say what to install.

Native libraries are silenced on standard error while they load.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform

from ..core.errors import MissingExtra
from .quiet import quiet_import

NEEDED = ("cv2", "ai_edge_litert")
_LOADED = {"ai_edge_litert": "ai_edge_litert.interpreter"}
"""What is loaded of a library, where its package alone loads nothing."""
INSTALL_HINT = "the local engine needs the extra 'local': pip install 'react1-nodes[local]'"
NO_WHEEL = (
    "the local engine cannot run on {} {}: LiteRT has no wheel for it; use Linux (x86-64, arm64), macOS (arm64) or "
    "Windows (x86-64), or a hosted provider (--provider segmind or sync)"
)
SUPPORTED = frozenset((("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64")))
"""The systems and machines for which LiteRT has wheels; the markers of the extra `local` are the same."""
NO_LIBGL = (
    "the installed OpenCV needs libGL.so.1: pip install opencv-python-headless in its place, or install libgl1 "
    "(Debian/Ubuntu: apt-get install libgl1)"
)


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

    Raises:
        MissingExtra: it is not installed; the message says what to install.
    """
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            raise MissingExtra(not_installed())


def require_opencv() -> None:
    """Raise unless takes can be drawn on faces that were found before, which needs OpenCV alone.

    Raises:
        MissingExtra: OpenCV does not load; the message says what to install.
    """
    require_installed()
    reason = _import_problem(("cv2",))
    if reason is not None:
        raise MissingExtra(reason)


def not_installed() -> str:
    """Return one line on how to install the local engine, or that this machine cannot run it."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) in SUPPORTED:
        return INSTALL_HINT
    return NO_WHEEL.format(system, machine)


def problem() -> str | None:
    """Return one line on what keeps the local engine from running, or None."""
    return _import_problem(NEEDED)


def _import_problem(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            _load(_LOADED.get(name, name))
        except ModuleNotFoundError as error:
            if error.name in NEEDED:
                return not_installed()
            return f"the local engine cannot load {name}: {error}; {INSTALL_HINT}"
        except ImportError as error:
            return NO_LIBGL if "libGL.so" in str(error) else f"the local engine cannot load {name}: {error}"
    return None


def _load(name: str) -> None:
    with quiet_import():
        importlib.import_module(name)

"""Whether this machine can run the local engine, and what to do where it cannot."""

from __future__ import annotations

import importlib
import sys

from ..errors import MissingExtra
from .quiet import loading

NEEDED = ("cv2", "mediapipe")
FIRST_PYTHON_WITHOUT = (3, 13)
INSTALL = "the local engine needs the extra 'local': pip install 'react1-nodes[local]'"
NO_WHEEL = (
    "the local engine cannot run on Python {}.{}: its landmark library has no wheel for it; "
    "use Python 3.11 or 3.12, or a hosted provider (--provider segmind or sync)"
)
NO_LIBGL = "the local engine needs libGL.so.1: install libgl1 (Debian/Ubuntu: apt-get install libgl1)"


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
    if _python() >= FIRST_PYTHON_WITHOUT:
        return NO_WHEEL.format(*_python())
    for name in NEEDED:
        try:
            _load(name)
        except ModuleNotFoundError as error:
            return INSTALL if error.name in NEEDED else f"the local engine cannot load {name}: {error}; {INSTALL}"
        except ImportError as error:
            return NO_LIBGL if "libGL.so" in str(error) else f"the local engine cannot load {name}: {error}"
    return None


def _python() -> tuple[int, int]:
    return sys.version_info[:2]


def _load(name: str) -> None:
    with loading():
        importlib.import_module(name)

"""Import the libraries of the extra `timeline` when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from ..core.errors import MissingExtra


def import_extra(module: str, purpose: str) -> Any:
    """Import and return a module.

    Raises:
        MissingExtra: it is not installed; the message gives the command to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} requires {module.partition('.')[0]}, which is not installed; "
            "install it with: pip install 'react1-nodes[timeline]'"
        ) from error

"""The libraries of the extra `timeline`, each imported where it is first needed."""

from __future__ import annotations

import importlib
from typing import Any

from ..core.errors import MissingExtra


def require(module: str, purpose: str) -> Any:
    """Import a library.

    Raises:
        MissingExtra: it is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} takes {module.partition('.')[0]}, which is not installed; "
            "install it with: pip install 'react1-nodes[timeline]'"
        ) from error

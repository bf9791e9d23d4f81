"""react1: video-pipeline nodes around React-1, which re-expresses a segment of a film.

    from react1 import Edit, load_preset, run

This package is also what ComfyUI finds when the checkout lies in its `custom_nodes` folder, under whatever name it
chooses; hence relative imports only. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pipeline.adapters.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
    from .pipeline.api import load_preset, run
    from .pipeline.core.edit import Edit

    __version__: str

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "Edit", "__version__", "load_preset", "run"]

_HOMES = {
    "Edit": ".pipeline.core.edit",
    "load_preset": ".pipeline.api",
    "run": ".pipeline.api",
    "NODE_CLASS_MAPPINGS": ".pipeline.adapters.comfyui",
    "NODE_DISPLAY_NAME_MAPPINGS": ".pipeline.adapters.comfyui",
    "__version__": ".pipeline.core.version",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, and keep it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name], __name__)
    value = home.version_text() if name == "__version__" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what there is, imported or not."""
    return sorted({*globals(), *__all__})

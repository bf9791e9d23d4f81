"""react1: video-pipeline nodes around React-1, which re-expresses a segment of a film.

    from react1 import Edit, load_preset, run

ComfyUI loads this package from a checkout in its `custom_nodes` folder under a name of its own, so all imports are
relative. Public names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .pipeline.adapters.comfyui import comfy_entrypoint
    from .pipeline.api import Plan, arun, load_preset, plan, run, take
    from .pipeline.config.presets.preset_builder import Pipeline
    from .pipeline.core.edits.edit import Edit

    __version__: str
    NODE_CLASS_MAPPINGS: dict[str, type[Any]] | None
    NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] | None

__all__ = [
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "WEB_DIRECTORY",
    "Edit",
    "Pipeline",
    "Plan",
    "__version__",
    "arun",
    "comfy_entrypoint",
    "load_preset",
    "plan",
    "run",
    "take",
]

WEB_DIRECTORY = "./pipeline/adapters/comfyui/web"
"""What ComfyUI's interface loads."""

_MODULES = {
    "Edit": ".pipeline.core.edits.edit",
    "Pipeline": ".pipeline.config.presets.preset_builder",
    "Plan": ".pipeline.api",
    "arun": ".pipeline.api",
    "load_preset": ".pipeline.api",
    "plan": ".pipeline.api",
    "run": ".pipeline.api",
    "take": ".pipeline.api",
    "comfy_entrypoint": ".pipeline.adapters.comfyui",
    "NODE_CLASS_MAPPINGS": ".pipeline.adapters.comfyui",
    "NODE_DISPLAY_NAME_MAPPINGS": ".pipeline.adapters.comfyui",
    "__version__": ".pipeline.core.version",
}
_MADE_BY = {
    "NODE_CLASS_MAPPINGS": "node_class_mappings",
    "NODE_DISPLAY_NAME_MAPPINGS": "node_display_name_mappings",
    "__version__": "version_text",
}
"""Names whose value a function of the module returns."""


def __getattr__(name: str) -> object:
    """Import a public name on first use, and cache it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_MODULES[name], __name__)
    value = getattr(module, _MADE_BY[name])() if name in _MADE_BY else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List all names, imported or not."""
    return sorted({*globals(), *__all__})

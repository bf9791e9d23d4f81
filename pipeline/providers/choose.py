"""Which host a run uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from ..errors import PresetError
from .contract import Provider
from .local import LocalProvider

ProviderName = Literal["auto", "local", "segmind", "sync"]
_KEYS = {"segmind": "SEGMIND_API_KEY", "sync": "SYNC_API_KEY"}


def provider_name(asked: str, environ: Mapping[str, str] | None = None) -> str:
    """Resolve `auto`: segmind where its key is set, else sync where its key is set, else local."""
    environ = os.environ if environ is None else environ
    if asked != "auto":
        return asked
    return next((name for name, key in _KEYS.items() if environ.get(key)), "local")


def provider(name: str) -> Provider:
    """Give the host of this name.

    Raises:
        PresetError: it is not in this version.
    """
    if name == "local":
        return LocalProvider()
    raise PresetError(
        f"provider {name!r} is not in this version of react1 yet; use --provider local (the local preview engine)"
    )

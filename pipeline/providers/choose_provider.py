"""Choose the provider of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ..core.errors import PresetError
from ..core.suggest import not_one_of
from .contract import Provider
from .local import LocalProvider

if TYPE_CHECKING:
    from .provider_settings import HostedProvider

ProviderName = Literal["auto", "local", "segmind", "sync"]
ApiVersion = Literal["v2", "v1"]
_KEYS = {"segmind": "SEGMIND_API_KEY", "sync": "SYNC_API_KEY"}


def resolve_provider_name(name: str, environ: Mapping[str, str] | None = None) -> str:
    """Return the provider that `auto` means: segmind if its key is set, else sync if its key is set, else local."""
    environ = os.environ if environ is None else environ
    if name != "auto":
        return name
    return next((provider for provider, key in _KEYS.items() if environ.get(key)), "local")


def get_provider(name: str, api: str = "v2") -> Provider:
    """Return the provider of this name; `api` is Segmind's API version.

    Raises:
        PresetError: there is no such provider, or an environment variable is wrong.
    """
    return hosted_provider(name, api) or LocalProvider()


def storage_owner(storage: str) -> HostedProvider | None:
    """Return the provider whose key a storage needs; None for a storage of nobody's."""
    if storage not in ("segmind", "sync", "local"):
        return None
    return hosted_provider("segmind" if storage == "local" else storage)


def hosted_provider(name: str, api: str = "v2") -> HostedProvider | None:
    """Return the paid provider of this name; None for the local engine.

    Raises:
        PresetError: there is no such provider, or an environment variable is wrong.
    """
    if name == "local":
        return None
    from .provider_settings import segmind, sync

    if name == "segmind":
        return segmind(version=api)
    if name == "sync":
        if api != "v2":
            raise PresetError("api: v1 exists at Segmind only; leave it out")
        return sync()
    raise PresetError(f"provider: {not_one_of(name, ('auto', 'local', *_KEYS))}")

"""Which host a run uses."""

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


def resolve_provider_name(asked: str, environ: Mapping[str, str] | None = None) -> str:
    """Resolve `auto`: segmind where its key is set, else sync where its key is set, else local."""
    environ = os.environ if environ is None else environ
    if asked != "auto":
        return asked
    return next((name for name, key in _KEYS.items() if environ.get(key)), "local")


def get_provider(name: str, api: str = "v2") -> Provider:
    """Give the host of this name; `api` is Segmind's version.

    Raises:
        PresetError: there is no such host, or a setting of the environment is wrong.
    """
    return hosted_provider(name, api) or LocalProvider()


def storage_owner(storage: str) -> HostedProvider | None:
    """Give the host that a storage belongs to, whose key it takes; None for one that belongs to nobody's."""
    return hosted_provider({"local": "segmind"}.get(storage, storage)) if storage in ("segmind", "sync", "local") else None


def hosted_provider(name: str, api: str = "v2") -> HostedProvider | None:
    """Give the host of this name that takes money; None for the local engine."""
    if name == "local":
        return None
    from .provider_settings import segmind, sync

    if name == "segmind":
        return segmind(version=api)
    if name == "sync":
        if api != "v2":
            raise PresetError("api: v1 is Segmind's; sync.so has no such thing: leave it out")
        return sync()
    raise PresetError(f"provider: {not_one_of(name, ('auto', 'local', *_KEYS))}")

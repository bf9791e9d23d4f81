"""Choose the provider of a run and the storage of its uploads, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from ..core.edits.choices import OneOf
from ..core.errors import PresetError, not_one_of
from ..core.nodes.plugins import PROVIDERS, STORAGES
from .contract import Provider
from .local import LocalProvider
from .plugin_hosts import BUILT_IN_PROVIDERS, BUILT_IN_STORAGES, load_plugin_provider, plugin_names

if TYPE_CHECKING:
    from .provider_settings import HostedProvider

ApiVersion = Literal["v2", "v1"]
_KEYS = {"segmind": "SEGMIND_API_KEY", "sync": "SYNC_API_KEY"}
"""The providers that `auto` chooses by their keys; any other must be named."""
_added: dict[str, Callable[[Mapping[str, str]], HostedProvider]] = {}


def provider_names() -> tuple[str, ...]:
    """Return the names of all providers, those of plug-ins too; nothing is imported."""
    return (*BUILT_IN_PROVIDERS, *_added, *plugin_names(PROVIDERS)[0])


def paid_provider_names() -> tuple[str, ...]:
    """Return the names of the providers that cost money; nothing is imported."""
    return tuple(name for name in provider_names() if name not in ("auto", "local"))


def storage_names() -> tuple[str, ...]:
    """Return the names of all storages, those of plug-ins too; nothing is imported."""
    return (*BUILT_IN_STORAGES, *_added, *plugin_names(PROVIDERS)[0], *plugin_names(STORAGES)[0])


ProviderName = Annotated[str, OneOf(provider_names)]
StorageName = Annotated[str, OneOf(storage_names)]


@contextmanager
def added_provider(name: str, factory: Callable[[Mapping[str, str]], HostedProvider]) -> Iterator[None]:
    """Add a provider to this process inside the context, as tests do."""
    _added[name] = factory
    try:
        yield
    finally:
        del _added[name]


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
    """Return the provider whose key a storage needs; None for a storage of nobody's.

    Raises:
        PresetError: the provider cannot be loaded, or an environment variable is wrong.
    """
    if storage == "local":
        return hosted_provider("segmind")
    return hosted_provider(storage) if storage in provider_names() and storage != "auto" else None


def hosted_provider(name: str, api: str = "v2") -> HostedProvider | None:
    """Return the paid provider of this name; None for the local engine.

    Raises:
        PresetError: there is no such provider, it cannot be loaded, or an environment variable is wrong.
    """
    if name == "local":
        return None
    if api != "v2" and name != "segmind":
        raise PresetError("api: v1 exists at Segmind only; leave it out")
    from .provider_settings import segmind, sync

    if name == "segmind":
        return segmind(version=api)
    if name == "sync":
        return sync()
    if name == "fal":
        from .fal.client import fal

        return fal(os.environ)
    if name == "replicate":
        from .replicate.client import replicate

        return replicate(os.environ)
    provider = _added[name](os.environ) if name in _added else load_plugin_provider(name, os.environ)
    if provider is None:
        raise PresetError(f"provider: {not_one_of(name, provider_names())}")
    return provider

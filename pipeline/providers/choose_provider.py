"""Choose the provider of a run and the storage of its uploads, by name: shipped ones, and those of plug-ins.

Plug-ins are entry points of the groups `react1.providers` and `react1.storages`; the name of an entry point is that of
its provider or storage. Listing names imports nothing; a plug-in is imported when its provider or storage is used, or
when `react1 doctor` checks it. A broken one harms nothing else.

    react1.providers   a function of the environment that returns a `HostedProvider` (react1.plugin.providers)
    react1.storages    a function `(pool, lifetime_s)` that returns an `UploadStorage`
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Annotated, Any, Literal

from ..core.edits.choices import OneOf
from ..core.errors import PresetError, not_one_of
from ..core.nodes.plugins import (
    PROVIDERS,
    STORAGES,
    BrokenPlugin,
    PluginError,
    call_plugin,
    entry_origin,
    load_entry,
    plugin_entries,
    printable,
)
from .contract import Provider
from .local import LocalProvider

if TYPE_CHECKING:
    from ..net.http_pool import HttpPool
    from ..storage.upload_storage import UploadStorage
    from .provider_settings import HostedProvider


KEY_NAMES = {
    "segmind": "SEGMIND_API_KEY",
    "sync": "SYNC_API_KEY",
    "fal": "FAL_KEY",
    "replicate": "REPLICATE_API_TOKEN",
}
"""The environment variables with the keys of the providers that are part of this package."""
BUILT_IN_PROVIDERS = ("auto", "local", *KEY_NAMES)
BUILT_IN_STORAGES = ("auto", "none", *KEY_NAMES, "s3", "local")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def plugin_names(group: str) -> tuple[dict[str, EntryPoint], list[BrokenPlugin]]:
    """Return the entry points of a group by name, and those whose name cannot be used; nothing is imported."""
    taken: Collection[str] = {*BUILT_IN_PROVIDERS, *BUILT_IN_STORAGES}
    usable: dict[str, EntryPoint] = {}
    broken: list[BrokenPlugin] = []
    for entry in plugin_entries(group):
        name, why = printable(entry.name), ""
        if entry.name in taken:
            why = f"the name {name!r} is taken by react1"
        elif entry.name in usable:
            why = f"the name {name!r} is taken by {entry_origin(usable[entry.name])}"
        elif not _NAME.fullmatch(entry.name):
            why = f"the name {name!r} is not lower-case letters, digits, `_` and `-`"
        if why:
            broken.append(BrokenPlugin(name, entry_origin(entry), why))
        else:
            usable[entry.name] = entry
    return usable, broken


def load_plugin_provider(name: str, environ: Mapping[str, str]) -> HostedProvider | None:
    """Return the provider of a plug-in; None if no plug-in has this name.

    Raises:
        PresetError: the plug-in is broken, or a setting is wrong.
    """
    from .provider_settings import HostedProvider

    entry = plugin_names(PROVIDERS)[0].get(name)
    if entry is None:
        return None
    provider = _load("provider", entry, lambda factory: factory(environ))
    if not isinstance(provider, HostedProvider):
        raise _broken("provider", entry, f"it returned {type(provider).__name__}, not HostedProvider")
    if provider.name != name:
        raise _broken("provider", entry, f"its settings have the name {printable(provider.name)!r}")
    return provider


def load_plugin_storage(name: str, pool: HttpPool, lifetime_s: float) -> UploadStorage | None:
    """Return the storage of a plug-in, whose URLs stay valid for `lifetime_s`; None if no plug-in has this name.

    Raises:
        PresetError: the plug-in is broken, or a setting is wrong.
    """
    entry = plugin_names(STORAGES)[0].get(name)
    if entry is None:
        return None
    storage = _load("storage", entry, lambda factory: factory(pool, lifetime_s))
    missing = [member for member in ("name", "require", "put", "delete") if not hasattr(storage, member)]
    if missing:
        raise _broken("storage", entry, f"{type(storage).__name__} has no {', '.join(missing)}")
    loaded: UploadStorage = storage
    return loaded


def _load(kind: str, entry: EntryPoint, call: Callable[[Any], Any]) -> Any:
    try:
        return call_plugin(lambda: call(load_entry(entry)))
    except PluginError as failure:
        raise _broken(kind, entry, str(failure)) from failure


def _broken(kind: str, entry: EntryPoint, why: str) -> PresetError:
    return PresetError(f"the {kind} {printable(entry.name)!r} ({entry_origin(entry)}) cannot be used: {why}")


ApiVersion = Literal["v2", "v1"]
_AUTO = ("segmind", "sync")
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
    return next((provider for provider in _AUTO if environ.get(KEY_NAMES[provider])), "local")


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

"""Providers and storages of plug-ins: entry points of the groups `react1.providers` and `react1.storages`.

The name of an entry point is the name of its provider or storage. Listing names imports nothing; a plug-in is imported
when its provider or storage is used, or when `react1 doctor` checks it. A broken one harms nothing else.

    react1.providers   a function of the environment that returns a `HostedProvider` (react1.plugin.providers)
    react1.storages    a function `(pool, lifetime_s)` that returns an `UploadStorage`
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from ..core.errors import PresetError
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

if TYPE_CHECKING:
    from ..net.http_pool import HttpPool
    from ..storage.upload_storage import UploadStorage
    from .provider_settings import HostedProvider

BUILT_IN_PROVIDERS = ("auto", "local", "segmind", "sync", "fal", "replicate")
BUILT_IN_STORAGES = ("auto", "none", "segmind", "sync", "fal", "replicate", "s3", "local")
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

"""Plug-ins: entry points of other distributions. A broken one is reported and harms nothing else.

Groups: `react1.nodes` (a node class or its module), `react1.providers` and `react1.storages` (a factory, see
pipeline/providers/choose_provider.py), `react1.presets` (a package whose `*.yaml` files are presets; not imported).

REACT1_PLUGINS   `off`, or the names of distributions or entry points that may load, separated by commas
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, TypeVar

from ..errors import React1Error

VARIABLE = "REACT1_PLUGINS"
NODES, PROVIDERS, STORAGES, PRESETS = "react1.nodes", "react1.providers", "react1.storages", "react1.presets"
IMPORT_LIMIT_S = 10.0
"""A plug-in that takes longer to import is reported as broken; its thread is abandoned."""
_LONGEST_TEXT = 300
_Result = TypeVar("_Result")


class PluginError(Exception):
    """A plug-in could not be loaded; the message says why, in one printable line."""


@dataclass(frozen=True)
class BrokenPlugin:
    """A plug-in that could not be loaded."""

    name: str
    origin: str
    """The distribution and its version."""
    why: str


def plugin_entries(group: str, environ: Mapping[str, str] | None = None) -> list[EntryPoint]:
    """Return the entry points of a group that REACT1_PLUGINS allows, sorted by name; nothing is imported."""
    environ = os.environ if environ is None else environ
    setting = environ.get(VARIABLE, "").strip()
    if setting.lower() == "off":
        return []
    allowed = {_normalized(name) for name in setting.split(",") if name.strip()}
    entries = _installed_entries(group, tuple(sys.path))
    return [entry for entry in entries if not allowed or allowed & {_normalized(entry.name), _distribution(entry)}]


@functools.lru_cache
def _installed_entries(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return the installed entry points of a group."""
    entries = _all_entries(path).select(group=group)
    return tuple(sorted(entries, key=lambda entry: (entry.name, entry.value)))


@functools.lru_cache(maxsize=1)
def _all_entries(path: tuple[str, ...]) -> Any:  # Python 3.12 has another type than 3.11
    """Return all installed entry points, read once for a `sys.path`: that takes tens of milliseconds."""
    del path
    return importlib.metadata.entry_points()


def entry_origin(entry: EntryPoint) -> str:
    """Return the distribution of an entry point and its version."""
    return printable(f"{entry.dist.name} {entry.dist.version}") if entry.dist else "unknown"


def load_entry(entry: EntryPoint, limit_s: float = IMPORT_LIMIT_S) -> Any:
    """Import what an entry point names, within a time limit.

    Whatever the plug-in prints while it is imported is discarded, so that `--json` stays one object.

    Raises:
        PluginError: it raised anything at all, `SystemExit` included, or took too long.
    """
    loaded: list[Any] = []
    failures: list[BaseException] = []

    def load() -> None:
        try:
            loaded.append(entry.load())
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=load, name=f"react1-plugin-{printable(entry.name)}", daemon=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(limit_s)
    if thread.is_alive():
        raise PluginError(f"its import did not finish within {limit_s:g} s")
    if failures:
        raise PluginError(describe_failure(failures[0])) from failures[0]
    return loaded[0]


def call_plugin(call: Callable[[], _Result]) -> _Result:
    """Return the result of a plug-in's function; an error of the public tree passes, such as a wrong setting.

    Raises:
        PluginError: it raised anything else.
    """
    try:
        return call()
    except (PluginError, React1Error, KeyboardInterrupt):
        raise
    except BaseException as failure:
        raise PluginError(describe_failure(failure)) from failure


def describe_failure(failure: BaseException) -> str:
    """Return an exception as one printable line; a contract violation (`TypeError`) without its type."""
    text = printable(str(failure))
    return text if isinstance(failure, TypeError) and text else f"{type(failure).__name__}: {text}".rstrip(": ")


def plugin_presets() -> tuple[dict[str, tuple[Path, str]], list[BrokenPlugin]]:
    """Return the presets of plug-ins (name → path and origin), and the packages that could not be found."""
    presets: dict[str, tuple[Path, str]] = {}
    broken = []
    for entry in plugin_entries(PRESETS):
        origin = entry_origin(entry)
        try:
            folders = _package_folders(entry.module)
        except BaseException as failure:
            broken.append(BrokenPlugin(printable(entry.name), origin, describe_failure(failure)))
            continue
        files = sorted(path for folder in folders for path in folder.glob("*.yaml"))
        if not files:
            why = f"no package {printable(entry.module)} with presets (*.yaml)"
            broken.append(BrokenPlugin(printable(entry.name), origin, why))
        for path in files:
            if path.stem in presets:
                why = f"the name {printable(path.stem)!r} is taken by {presets[path.stem][1]}"
                broken.append(BrokenPlugin(printable(path.stem), origin, why))
            else:
                presets[path.stem] = (path, origin)
    return presets, broken


def _package_folders(module: str) -> list[Path]:
    """Return the folders of a package; only its path is looked up, since `find_spec` of `a.b` would import `a`."""
    top, *parts = module.split(".")
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else spec.submodule_search_locations or ()
    return [Path(place, *parts) for place in places]


def printable(text: str) -> str:
    """Return text as one line without control characters, such as the escape codes of a terminal."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 1]}…"


def _normalized(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _distribution(entry: EntryPoint) -> str:
    return _normalized(entry.dist.name) if entry.dist else ""

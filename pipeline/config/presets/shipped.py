"""The presets that have a name, shipped or of a plug-in, and the lookup of a preset or a job by name or path."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.errors import PresetError, StorageFailed, list_available, shorten
from ...core.nodes.plugins import BrokenPlugin, plugin_presets, printable
from ...core.nodes.registry import SHIPPED
from ...core.settings import path_in
from ...located_yaml.located import MAX_BYTES, Located, Location, Problems, parse_yaml

_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Preset:
    """A preset as `react1 presets` lists it."""

    name: str
    about: str
    inputs: Mapping[str, Mapping[str, Any]]
    """Input name → kind, about, default."""
    path: Path
    origin: str = SHIPPED
    """`react1`, or the name and version of another distribution."""


def shipped_folder() -> Path:
    """Return the folder of the shipped presets."""
    package = importlib.import_module("....presets", __package__)
    return Path(str(importlib.resources.files(package)))


def shipped_names() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def preset_names() -> list[str]:
    """Return the names of the shipped presets, then those of plug-ins; no preset is read."""
    shipped = shipped_names()
    return [*shipped, *(name for name in sorted(plugin_presets()[0]) if name not in shipped)]


def preset_text(name: str) -> str:
    """Return the text of a preset that is shipped or comes with a plug-in.

    Raises:
        PresetError: there is no such preset.
        StorageFailed: it cannot be read.
    """
    path = _named_path(name)
    if path is None:
        raise PresetError(f"no preset {name!r}; {list_available(name, preset_names())}")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageFailed(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _named_path(name: str) -> Path | None:
    if name in shipped_names():
        return shipped_folder() / f"{name}.yaml"
    path, _ = plugin_presets()[0].get(name, (None, ""))
    return path


def shipped_path(name: str) -> Path:
    """Return the file of a shipped preset.

    Raises:
        PresetError: there is no such preset.
    """
    available = shipped_names()
    if name not in available:
        raise PresetError(f"no preset {name!r}; {list_available(name, available)}")
    return shipped_folder() / f"{name}.yaml"


def list_presets() -> list[Preset]:
    """List the shipped presets."""
    return [_read_info(shipped_path(name)) for name in shipped_names()]


def list_plugin_presets() -> tuple[list[Preset], list[BrokenPlugin]]:
    """List the presets of plug-ins, and those that cannot be used, each with the reason."""
    presets: list[Preset] = []
    paths, broken = plugin_presets()
    for name, (path, origin) in sorted(paths.items()):
        if name in shipped_names():
            broken.append(BrokenPlugin(printable(name), origin, f"the name {printable(name)!r} is taken by {SHIPPED}"))
            continue
        try:
            presets.append(replace(_read_info(path), origin=origin))
        except (PresetError, OSError) as error:
            broken.append(BrokenPlugin(printable(name), origin, printable(str(error))))
    return presets, broken


def load_preset_info(name_or_path: str, base: Path) -> Preset:
    """Return a preset by its path, or a shipped one or a plug-in's by its name.

    Raises:
        PresetError: there is no such preset, or it is not YAML.
    """
    return _read_info(find_file(name_or_path, base)[0])


def _read_info(path: Path) -> Preset:
    problems = Problems()
    tree = parse_yaml(path.read_bytes(), str(path), path.parent, problems)
    problems.raise_if_any()
    plain: Any = tree.plain if tree else {}
    if not isinstance(plain, Mapping) or not isinstance(plain.get("inputs") or {}, Mapping):
        raise PresetError(f"{path}: expected a mapping with `steps:`, and `inputs:` as a mapping")
    inputs = {name: spec for name, spec in (plain.get("inputs") or {}).items() if isinstance(spec, Mapping)}
    return Preset(path.stem, str(plain.get("about", "")), inputs, path)


def find_file(name_or_path: str, base: Path) -> tuple[Path, str]:
    """Return the file and its name in messages: a file of that path, else a preset of that name, shipped ones first.

    Raises:
        PresetError: there is no such file and no such preset.
    """
    path = path_in(base, name_or_path)
    if _file_check(path.is_file):
        return path, name_or_path
    named = _named_path(name_or_path)
    if named is not None:
        return named, str(named)
    if name_or_path and _file_check(path.is_dir):
        raise PresetError(f"{name_or_path!r} is a folder; name a preset or a job in it")
    shown = shorten(name_or_path)
    raise PresetError(f"{shown!r} is neither a file nor a preset; {list_available(name_or_path, preset_names())}")


def _file_check(predicate: Callable[[], bool]) -> bool:
    """Query the file system; a name that it does not support counts as missing."""
    try:
        return predicate()
    except (OSError, ValueError):
        return False


def read_file(path: Path, name: str, problems: Problems) -> Located | None:
    """Read a preset or a job.

    Raises:
        StorageFailed: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageFailed(f"{name}: cannot be read: {error.strerror or error}") from error
    if path.suffix.lower() not in (".yaml", ".yml") and b"\0" in data[:_HEAD_BYTES]:
        message = "this is not text, but perhaps a film; name its preset first, as in `react1 run emotion-edit FILM`"
        problems.add_at(Location(name, path.parent.absolute()), (), message)
        return None
    return parse_yaml(data, name, path.parent.absolute(), problems)

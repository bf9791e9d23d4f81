"""The shipped presets, and the lookup of a preset or a job by name or path."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import PresetError, StorageFailed
from ..core.suggest import list_available, shorten
from ..located_yaml.located import Located, Problems
from ..located_yaml.parse import MAX_BYTES, parse_yaml


@dataclass(frozen=True)
class Preset:
    """A preset as `react1 presets` lists it."""

    name: str
    about: str
    inputs: Mapping[str, Mapping[str, Any]]
    """Input name → kind, about, default."""
    path: Path


def shipped_folder() -> Path:
    """Return the folder of the shipped presets."""
    package = importlib.import_module("...presets", __package__)
    return Path(str(importlib.resources.files(package)))


def shipped_names() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def shipped_preset(name: str) -> str:
    """Return the text of a shipped preset.

    Raises:
        PresetError: there is no such preset.
    """
    return shipped_path(name).read_text("utf-8")


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


def load_preset_info(name_or_path: str, base: Path) -> Preset:
    """Return a preset by its path, or a shipped one by its name.

    Raises:
        PresetError: there is no such preset, or it is not YAML.
    """
    return _read_info(find_file(name_or_path, base)[0])


def _read_info(path: Path) -> Preset:
    problems = Problems()
    tree = parse_yaml(path.read_bytes(), str(path), path.parent, problems)
    problems.raise_if_any()
    plain: Any = tree.plain if tree else {}
    return Preset(path.stem, plain.get("about", ""), plain.get("inputs") or {}, path)


def find_file(name_or_path: str, base: Path) -> tuple[Path, str]:
    """Return the file and its name in messages: first a file of that path, then a shipped preset of that name.

    Raises:
        PresetError: there is no such file and no such preset.
    """
    path, available = base / name_or_path, shipped_names()
    if _file_check(path.is_file):
        return path, name_or_path
    if name_or_path in available:
        shipped = shipped_path(name_or_path)
        return shipped, str(shipped)
    if name_or_path and _file_check(path.is_dir):
        raise PresetError(f"{name_or_path!r} is a folder; name a preset or a job in it")
    shown = shorten(name_or_path)
    raise PresetError(f"{shown!r} is neither a file nor a preset; {list_available(name_or_path, available)}")


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
    return parse_yaml(data, name, path.parent.absolute(), problems)

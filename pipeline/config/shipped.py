"""The presets that ship, and how a preset or a job is found by what the user typed."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import PresetError, StorageFailed
from ..core.suggest import did_you_mean, none_called, shorten
from ..located_yaml.located import Problems, Tree
from ..located_yaml.parse import MOST_BYTES, read_tree


@dataclass(frozen=True)
class Preset:
    """A preset as `react1 presets` lists it."""

    name: str
    about: str
    inputs: Mapping[str, Mapping[str, Any]]
    """Input name → kind, about, default."""
    path: Path


def shipped_folder() -> Path:
    """Give the folder of the presets that ship."""
    package = importlib.import_module("...presets", __package__)
    return Path(str(importlib.resources.files(package)))


def shipped_names() -> list[str]:
    """Name the presets that ship."""
    return sorted(path.stem for path in shipped_folder().glob("*.yaml"))


def shipped_preset(name: str) -> str:
    """Give the text of a preset that ships.

    Raises:
        PresetError: there is none of that name.
    """
    return shipped_path(name).read_text("utf-8")


def shipped_path(name: str) -> Path:
    """Give the file of a preset that ships.

    Raises:
        PresetError: there is none of that name.
    """
    names = shipped_names()
    if name not in names:
        raise PresetError(f"no preset {name!r}; {none_called(name, names)}")
    return shipped_folder() / f"{name}.yaml"


def list_presets() -> list[Preset]:
    """List the presets that ship."""
    return [_listed(shipped_path(name)) for name in shipped_names()]


def load_any(what: str, base: Path) -> Preset:
    """Give a preset by its path, or one that ships by its name.

    Raises:
        PresetError: there is none, or it cannot be read as one.
    """
    return _listed(find(what, base)[0])


def _listed(path: Path) -> Preset:
    problems = Problems()
    tree = read_tree(path.read_bytes(), str(path), path.parent, problems)
    problems.stop()
    plain: Any = tree.plain if tree else {}
    return Preset(path.stem, plain.get("about", ""), plain.get("inputs") or {}, path)


def find(what: str, base: Path) -> tuple[Path, str]:
    """Give the file that the user means, and how messages call it: a path first, then a preset that ships.

    Raises:
        PresetError: there is no such file and no such preset.
    """
    path, names = base / what, shipped_names()
    if _is(path.is_file):
        return path, what
    if what in names:
        found = shipped_path(what)
        return found, str(found)
    if what and _is(path.is_dir):
        raise PresetError(f"{what!r} is a folder; name a preset or a job in it")
    told = f"{shorten(what)!r} is neither a file nor a preset; the presets are {', '.join(names)}"
    raise PresetError(f"{told}{did_you_mean(what, names)}")


def _is(question: Callable[[], bool]) -> bool:
    """Ask the file system; a name that it cannot even hold is no file."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def read_file(path: Path, name: str, problems: Problems) -> Tree | None:
    """Read a preset or a job.

    Raises:
        StorageFailed: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as wrong:
        raise StorageFailed(f"{name}: cannot be read: {wrong.strerror or wrong}") from wrong
    return read_tree(data, name, path.parent.absolute(), problems)

"""Where the boxes read and write: ComfyUI's own folders, and others that the server's owner has allowed.

REACT1_COMFYUI_FOLDERS  more folders, separated as in PATH, that workflows may name files in
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import PresetError
from ...core.settings import home_folder
from ...located_yaml.model_walk import is_url
from . import host

ALLOWED_FOLDERS = "REACT1_COMFYUI_FOLDERS"
FILM_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".mxf")
LIST_SUFFIXES = (".yaml", ".yml", ".json", ".edl", ".otio", ".fcpxml", ".xml", ".srt", ".vtt", ".csv", ".tsv", ".txt")
_ANNOTATION = re.compile(r"\s*\[(input|output|temp)\]$")


def react1_home() -> Path:
    """Return the folder of the store and the runs: REACT1_HOME, else a folder in ComfyUI's user folder."""
    if os.environ.get("REACT1_HOME"):
        return home_folder()
    return host.folder("user") / "__react1"  # two underscores: ComfyUI gives such a folder to no user


def scratch() -> Path:
    """Return the pack's folder in ComfyUI's temp folder, which ComfyUI empties when it starts."""
    path = host.folder("temp") / "react1"
    path.mkdir(parents=True, exist_ok=True)
    return path


def listed(suffixes: tuple[str, ...]) -> list[str]:
    """List the files of the input folder with one of these suffixes, for a choice with upload."""
    root = host.folder("input")
    files = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in files)


def input_file(text: str, name: str) -> Path:
    """Return the path of a file that a widget names: relative to the input folder, or annotated like `a.mp4 [output]`.

    Raises:
        PresetError: it does not exist, or no workflow may read it.
    """
    written = text.strip()
    annotation = _ANNOTATION.search(written)
    root = host.folder("input")
    if annotation:
        root = host.folder("output" if annotation[1] == "output" else "temp" if annotation[1] == "temp" else "input")
        written = written[: annotation.start()]
    path = require_allowed(root / Path(written).expanduser(), name)
    if not path.is_file():
        raise PresetError(f"{name}: {written!r} is not a file in {root}; choose another, or upload it")
    return path


def input_file_or_url(text: str, name: str) -> str:
    """Return a URL as it is, and anything else as the path of an input file."""
    return text.strip() if is_url(text.strip()) else str(input_file(text, name))


def output_file(text: str, name: str) -> Path:
    """Return the path for a new file or folder that a widget names, relative to the output folder.

    Raises:
        PresetError: no workflow may write there.
    """
    return require_allowed(host.folder("output") / Path(text.strip()).expanduser(), name)


def require_allowed(path: Path, name: str) -> Path:
    """Return the path without links if workflows may name it.

    Raises:
        PresetError: it lies outside all allowed folders.
    """
    resolved = path.resolve()
    if not any(resolved.is_relative_to(root) for root in _roots()):
        raise PresetError(
            f"{name}: {path} is outside ComfyUI's folders; put the file into its input folder, or start ComfyUI with "
            f"{ALLOWED_FOLDERS}={resolved.parent}"
        )
    return resolved


def _roots() -> Iterator[Path]:
    yield from (host.folder("input"), host.folder("output"), host.folder("temp"))
    for text in os.environ.get(ALLOWED_FOLDERS, "").split(os.pathsep):
        if text.strip():
            yield Path(text).expanduser().resolve()

"""Where the boxes read and write: ComfyUI's own folders, and others that the server's owner has allowed.

REACT1_COMFYUI_FOLDERS  more folders, separated as in PATH, that workflows may name files in

Files are put where ComfyUI's interface shows them: numbered in the output folder, or as a preview in the temp folder.
ComfyUI keeps the outputs of a box in memory and reuses them while its inputs stay the same, whatever became of the
files behind them; it is told to run a box again when a file that it gave is gone or changed.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...core.errors import PresetError, shorten
from ...core.file import expand_user, real_path
from ...core.settings import home_folder
from ...located_yaml.explain import is_url
from ...media.tools.file_copy import copy_file
from ...store.atomic import storage_errors, temporary_path
from ...store.store_backend import is_content_path
from . import host

_FILMS = (".mp4", ".m4v", ".webm", ".mov")
"""Containers that the interface shows in a player."""
_NUMBER = re.compile(r"_(\d+)_?$")
_TIMES = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}
"""What ComfyUI's own boxes replace in a name between percent signs, and how `strftime` writes it."""


def save_numbered(source: Path, prefix: str) -> Path:
    """Copy a file into the output folder under the next free number, as `PREFIX_00001_.mp4`; never over another file.

    Raises:
        PresetError: the prefix leaves the output folder.
        StorageFailed: the file cannot be written.
    """
    folder, stem = split_prefix(prefix)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        part = temporary_path(folder / source.name)
        try:
            copy_file(source, part)
            part.chmod(0o644)
            number = _last_number(folder, stem) + 1
            while True:
                path = folder / f"{stem}_{number:05}_{source.suffix}"
                if _rename_new(part, path):
                    return path
                number += 1
        finally:
            part.unlink(missing_ok=True)


def with_time(prefix: str, now: datetime) -> str:
    """Return a name in which `%year%`, `%month%`, `%day%`, `%hour%`, `%minute%` and `%second%` are those of `now`."""
    for name, form in _TIMES.items():
        prefix = prefix.replace(f"%{name}%", now.strftime(form))
    return prefix


def split_prefix(prefix: str) -> tuple[Path, str]:
    """Return the folder and the beginning of the name of a numbered file.

    Raises:
        PresetError: the prefix is empty or leaves the output folder.
    """
    text = prefix.strip().replace("\\", "/")
    stem = text.rsplit("/", 1)[-1]
    if not stem or stem in (".", ".."):
        raise PresetError(f"filename_prefix {prefix!r} names no file; write one such as react1/film")
    path = output_file(text, "filename_prefix")
    return path.parent, path.name


def _last_number(folder: Path, stem: str) -> int:
    numbers = [
        int(match[1])
        for path in folder.glob("*")
        if path.name.startswith(stem) and (match := _NUMBER.search(path.stem)) and path.stem[: match.start()] == stem
    ]
    return max(numbers, default=0)


def _rename_new(part: Path, path: Path) -> bool:
    """Rename a finished file to its name; return False if there is another file."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        part.replace(path)
    return True


def shown_files(paths: list[Path], text: str = "") -> Mapping[str, Any]:
    """Return what the interface and the history show of files in ComfyUI's folders, and of a text."""
    entries = [entry for path in paths if (entry := _entry(path)) is not None]
    shown: dict[str, Any] = {"text": [text]} if text else {}
    if entries:
        shown["images"] = entries
        if any(path.suffix.lower() in _FILMS for path in paths):
            shown["animated"] = [True]
    return shown


def is_visible(path: Path) -> bool:
    """Return whether a file is in a folder that the interface shows files of."""
    return _entry(path) is not None


def _entry(path: Path) -> dict[str, str] | None:
    """Return where a file is, as `/view` expects it."""
    roots: tuple[host.FolderName, ...] = ("output", "temp", "input")
    for name in roots:
        root = host.folder(name)
        if path.resolve().is_relative_to(root):
            inside = path.resolve().relative_to(root)
            subfolder = "" if inside.parent == Path() else inside.parent.as_posix()
            return {"filename": inside.name, "subfolder": subfolder, "type": name}
    return None


Stamp = tuple[int, int]


@dataclass(frozen=True)
class CallKey:
    """A box of a workflow, with the values of its widgets."""

    node: tuple[str, str]
    """The box, and the ID of its node."""
    widgets: frozenset[tuple[str, str | int | float]]
    """By name; those that are connected are missing before the box runs."""


def call_key(box: str, node_id: str, values: Mapping[str, Any]) -> CallKey:
    """Return the key of a box with these values of its inputs."""
    simple = {name: value for name, value in values.items() if isinstance(value, (str, int, float))}
    return CallKey((box, node_id), frozenset(simple.items()))


class GivenFiles:
    """The files that each box gave when it last ran, and how often they had to be made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamps: dict[CallKey, dict[Path, Stamp | None]] = {}
        """The newest last."""
        self._generation: dict[CallKey, int] = {}
        self._unrun_nodes: set[tuple[str, str]] = set()
        """The nodes that ComfyUI has asked about, and not run since."""

    def record(self, key: CallKey, paths: Iterable[Path]) -> None:
        """Note the files that a box has just given; ComfyUI runs it once for each item of a list."""
        with self._lock:
            earlier = {} if key.node in self._unrun_nodes else self._stamps.get(key, {})
            self._unrun_nodes.discard(key.node)
            self._stamps.pop(key, None)
            self._stamps[key] = earlier | {path: _stamp(path) for path in paths}

    def fingerprint(self, key: CallKey) -> str:
        """Return the same text as before while all files of a box are unchanged, else a new one."""
        with self._lock:
            self._unrun_nodes.add(key.node)
            recorded = next((each for each in reversed(self._stamps) if _may_be(each, key)), key)
            stamps = self._stamps.get(recorded, {})
            if any(_stamp(path) != stamp for path, stamp in stamps.items()):
                self._generation[key] = self._generation.get(key, 0) + 1
                del self._stamps[recorded]
            return str(self._generation.get(key, 0))


def _may_be(recorded: CallKey, wanted: CallKey) -> bool:
    """Return whether a call that has run may be one of which the connected widgets are not known yet."""
    return recorded.node == wanted.node and recorded.widgets >= wanted.widgets


given_files = GivenFiles()


def file_states(paths: Iterable[Path]) -> str:
    """Return a text that changes when one of these files is written, or is there no more."""
    return " ".join(f"{path} {_stamp(path)}" for path in paths)


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, 0 if is_content_path(path) else status.st_mtime_ns


ALLOWED_FOLDERS = "REACT1_COMFYUI_FOLDERS"
FILM_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".mxf")
TEXT_SUFFIXES = (".yaml", ".yml", ".txt")
"""Files of edits as they may be written into a box."""
LIST_SUFFIXES = (*TEXT_SUFFIXES, ".json", ".edl", ".otio", ".fcpxml", ".srt", ".vtt", ".csv", ".tsv")
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


_UPLOAD = "put the file into its input folder"


def input_file(text: str, name: str, advice: str = _UPLOAD) -> Path:
    """Return the path of a file that a widget names: relative to the input folder, or annotated like `a.mp4 [output]`.

    `advice` says what to do with one that no workflow may read.

    Raises:
        PresetError: it does not exist, or no workflow may read it.
    """
    written = text.strip()
    annotation = _ANNOTATION.search(written)
    root = host.folder("input")
    if annotation:
        root = host.folder("output" if annotation[1] == "output" else "temp" if annotation[1] == "temp" else "input")
        written = written[: annotation.start()]
    path = require_allowed(root / expand_user(written), name, advice)
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
    advice = "name a place in its output folder"
    return require_allowed(host.folder("output") / expand_user(text.strip()), name, advice)


def require_allowed(path: Path, name: str, advice: str = _UPLOAD) -> Path:
    """Return the path without links if workflows may name it; `advice` says what else to do.

    Raises:
        PresetError: it lies outside all allowed folders, or no file can have such a name.
    """
    try:
        resolved = real_path(path)
        resolved.is_file()  # raises for a name that the system does not take
    except (OSError, ValueError):
        shown = shorten(repr(path.name))
        raise PresetError(f"{name}: {shown} is not a name that a file can have; choose another") from None
    if not any(resolved.is_relative_to(root) for root in _roots()):
        raise PresetError(
            f"{name}: {path} is outside ComfyUI's folders; {advice}, or start ComfyUI with "
            f"{ALLOWED_FOLDERS}={resolved.parent}"
        )
    return resolved


def _roots() -> Iterator[Path]:
    yield from (host.folder("input"), host.folder("output"), host.folder("temp"))
    for text in os.environ.get(ALLOWED_FOLDERS, "").split(os.pathsep):
        if text.strip():
            yield expand_user(text).resolve()

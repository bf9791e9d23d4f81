"""Put files where ComfyUI's interface shows them: numbered in the output folder, or as a preview in the temp folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....core.errors import PresetError
from ....media.tools.file_copy import copy_file
from ....store.atomic import storage_errors
from .. import folders, host

PLAYABLE = (".mp4", ".m4v", ".webm", ".mov")
"""Containers that browsers play; whether they know the codec is another matter."""
_NUMBER = re.compile(r"_(\d+)_?$")


def save_numbered(source: Path, prefix: str) -> Path:
    """Copy a file into the output folder under the next free number, as `PREFIX_00001_.mp4`; never over another file.

    Raises:
        PresetError: the prefix leaves the output folder.
        StorageFailed: the file cannot be written.
    """
    folder, stem = split_prefix(prefix)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".react1-{os.getpid()}-{source.name}.part"
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


def split_prefix(prefix: str) -> tuple[Path, str]:
    """Return the folder and the beginning of the name of a numbered file.

    Raises:
        PresetError: the prefix is empty or leaves the output folder.
    """
    text = prefix.strip().replace("\\", "/")
    stem = text.rsplit("/", 1)[-1]
    if not stem or stem in (".", ".."):
        raise PresetError(f"filename_prefix {prefix!r} names no file; write one such as react1/film")
    path = folders.output_file(text, "filename_prefix")
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


def preview(film: Path) -> list[Path]:
    """Link a film into the temp folder, where the interface finds it; return nothing if no browser plays it."""
    if film.suffix.lower() not in PLAYABLE:
        return []
    path = folders.scratch() / f"preview-{film.stem[:48]}{film.suffix.lower()}"
    if not path.is_file() or path.stat().st_size != film.stat().st_size:
        path.unlink(missing_ok=True)
        try:
            os.link(film, path)
        except OSError:
            shutil.copyfile(film, path)
    return [path]


def shown_files(paths: list[Path], text: str = "") -> Mapping[str, Any]:
    """Return what the interface and the history show of files in ComfyUI's folders, and of a text."""
    entries = [entry for path in paths if (entry := _entry(path)) is not None]
    shown: dict[str, Any] = {"text": [text]} if text else {}
    if entries:
        shown["images"] = entries
        if any(path.suffix.lower() in PLAYABLE for path in paths):
            shown["animated"] = [True]
    return shown


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

"""The folders of a ledger: one per call, in it one per attempt, in which each state is a file.

A folder may vanish while it is read: a compaction removes it when a segment has what was in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..store.atomic import storage_errors

INTENTION = "00-intended.json"
"""The first state of an attempt, written before its POST."""


def attempts_on_disk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folder of every attempt in a ledger's `root` that has one, and the names in it, in order.

    Raises:
        StorageFailed: a folder cannot be listed, so calls may be missing.
    """
    with storage_errors(root):
        for prefix in _subfolders(str(root)):
            if len(prefix.name) != 2:
                continue
            for call in _subfolders(prefix.path):
                for attempt in _subfolders(call.path):
                    if len(attempt.name) == 3 and attempt.name.isdecimal():
                        names = _names(attempt.path)
                        if names is not None:
                            yield attempt.path, names


def attempt_folders(call_folder: Path) -> list[Path]:
    """Return the folders of the attempts at a call, in order."""
    return sorted(folder for folder in call_folder.glob("[0-9][0-9][0-9]") if has_trace(folder))


def _subfolders(folder: str) -> list[os.DirEntry[str]]:
    """Return the folders in a folder; none if a compaction has just removed it."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return [entry for entry in entries if entry.is_dir()]
    return []


def _names(folder: str) -> list[str] | None:
    """Return the names in a folder, in order; None if a compaction has just removed it."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)
    return None


def has_trace(folder: Path) -> bool:
    """Return whether an attempt left any file behind, besides an intention that never got its name."""
    return folder.is_dir() and any(not _is_unnamed_intention(path) for path in folder.iterdir())


def _is_unnamed_intention(path: Path) -> bool:
    return path.suffix == ".part" and path.name.startswith(f".{INTENTION}.")


def calls_with_parts(root: Path) -> set[Path]:
    """Return the folders of the calls with unfinished files, `.part`."""
    parts = [*root.glob("??/*/.*.part"), *root.glob("??/*/[0-9][0-9][0-9]/.*.part")]
    return {root / Path(*part.relative_to(root).parts[:2]) for part in parts}


def remove_parts(call_folder: Path) -> None:
    """Remove `.part` files, but not the only trace of an attempt."""
    for part in [*call_folder.glob(".*.part"), *call_folder.glob("[0-9][0-9][0-9]/.*.part")]:
        others = any(path.suffix != ".part" for path in part.parent.iterdir())
        if others or _is_unnamed_intention(part):
            part.unlink(missing_ok=True)


def read_files(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the content of the files of states in a folder, and the names of those that cannot be read."""
    files, damaged = {}, []
    for path in sorted(folder.glob("[0-9][0-9]-*.json")):
        try:
            files[path.name] = path.read_bytes()
        except FileNotFoundError:
            continue  # a compaction has just removed it
        except OSError:
            damaged.append(path.name)
    return files, damaged

"""The folders of a ledger: one per call, in it one per attempt, in which each state is a file.

A folder may vanish while it is read: a compaction removes it when a segment has what was in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..store.atomic import storage_errors

INTENTION = "00-intended.json"
"""The first state of an attempt, written before its POST."""
_PART = ".part"
_STATE_NAME = re.compile(r"[0-9]{2}-.*\.json")


def attempts_on_disk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the folder of every attempt in a ledger's `root` that has one, and the names in it, in order.

    Raises:
        StorageFailed: a folder cannot be listed, so calls may be missing.
    """
    with storage_errors(root):
        for call in _calls(str(root)):
            for attempt in _attempts(call.path):
                names = _names(attempt.path)
                if names is not None:
                    yield attempt.path, names


def call_folders(root: Path, head: str = "") -> Iterator[Path]:
    """Yield the folder of every call in a ledger's `root` that has one and whose key begins with `head`.

    Raises:
        StorageFailed: a folder cannot be listed, so calls may be missing.
    """
    with storage_errors(root):
        for call in _calls(str(root), head):
            yield Path(call.path)


def attempt_folders(call_folder: Path) -> list[Path]:
    """Return the folders of the attempts at a call, in order.

    Raises:
        StorageFailed: the folder cannot be listed, so attempts may be missing.
    """
    with storage_errors(call_folder):
        folders = sorted((Path(each.path) for each in _attempts(str(call_folder))), key=lambda each: int(each.name))
        return [folder for folder in folders if has_trace(folder)]


def state_names(folder: Path) -> list[str]:
    """Return the names of the files of states in an attempt's folder, in order.

    Raises:
        StorageFailed: the folder cannot be listed, so states may be missing.
    """
    with storage_errors(folder):
        return [name for name in _names(str(folder)) or () if _STATE_NAME.fullmatch(name)]


def _calls(root: str, head: str = "") -> Iterator[os.DirEntry[str]]:
    for prefix in _subfolders(root):
        if len(prefix.name) == 2 and prefix.name.startswith(head[:2]):
            yield from (call for call in _subfolders(prefix.path) if call.name.startswith(head))


def _attempts(call_folder: str) -> list[os.DirEntry[str]]:
    return [each for each in _subfolders(call_folder) if len(each.name) >= 3 and each.name.isdecimal()]


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
    return any(not _is_unnamed_intention(name) for name in _names(str(folder)) or ())


def _is_unnamed_intention(name: str) -> bool:
    return name.startswith(f".{INTENTION}.") and name.endswith(_PART)


def calls_with_parts(root: Path) -> set[Path]:
    """Return the folders of the calls with unfinished files, `.part`."""
    with storage_errors(root):
        return {Path(call.path) for call in _calls(str(root)) if any(_parts(call.path))}


def _parts(call_folder: str) -> Iterator[Path]:
    for folder in (call_folder, *(attempt.path for attempt in _attempts(call_folder))):
        yield from (Path(folder, name) for name in _names(folder) or () if name[0] == "." and name.endswith(_PART))


def remove_parts(call_folder: Path) -> None:
    """Remove `.part` files, but not the only trace of an attempt."""
    for part in list(_parts(str(call_folder))):
        others = any(path.suffix != _PART for path in part.parent.iterdir())
        if others or _is_unnamed_intention(part.name):
            part.unlink(missing_ok=True)


def read_files(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the content of the files of states in a folder, and the names of those that cannot be read."""
    files, damaged = {}, []
    for name in state_names(folder):
        try:
            files[name] = (folder / name).read_bytes()
        except FileNotFoundError:
            continue  # a compaction has just removed it
        except OSError:
            damaged.append(name)
    return files, damaged

"""Bring results to where the user wants them; what is there already is only replaced when that is allowed.

Takes   content in the store and a path of the user's.
Gives   the file at that path, whole, and a note in the store of what was delivered by which job.
Raises  PresetError before anything runs, StorageFailed when the disk will not have it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from ..errors import PresetError
from ..file import File
from .atomic import publish, storage_errors, temporary_name, write_text
from .keys import digest
from .store import Store

_FICLONE = 0x40049409
"""Linux: share the blocks of another file (ioctl_ficlone(2))."""


def check_place(store: Store, place: Path, job: str, *, replace: bool, sources: list[Path]) -> None:
    """Refuse a place that would lose something, before anything runs.

    A file that an earlier run of the same job left there, untouched since, may be replaced.

    Raises:
        PresetError: the place is a source, exists, or cannot be written to.
    """
    if any(place.exists() and source.exists() and place.samefile(source) for source in sources):
        raise PresetError(f"out {place} is the source itself, which is never written to; choose another --out")
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise PresetError(f"out {place} is a device or a pipe, which a film cannot replace; choose another --out")
    if place.exists() and not replace and not _is_ours(store, place, job):
        raise PresetError(f"out {place} exists; give --yes to replace it, or another --out")
    folder = place.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise PresetError(f"out {place} cannot be written: {folder} is not a writable folder; choose another --out")


def deliver(store: Store, file: File, place: Path, job: str) -> None:
    """Put content at a place of the user's, atomically.

    Blocks are shared where the file system can; else, on the same disk, the content moves out of the store and
    is remembered there by its new place, so that a film is never kept twice.
    """
    with storage_errors(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        part = temporary_name(place)
        try:
            kept = store.path(file)
            if not _clone(kept, part):
                _move_or_copy(store, kept, part)
            part.chmod(0o666 & ~_umask())
            publish(part, place)
        finally:
            part.unlink(missing_ok=True)
    store.remember_outside(file, place)
    note = {"digest": file.digest, "job": job, "stamp": _stamp(place)}
    write_text(_note(store, place), json.dumps(note))


def is_delivered(store: Store, file: File, place: Path) -> bool:
    """Tell whether exactly this content stands at a place."""
    told = _told(store, place)
    return told is not None and told["digest"] == file.digest and place.exists() and told["stamp"] == _stamp(place)


def _is_ours(store: Store, place: Path, job: str) -> bool:
    if place.is_dir():
        return not any(place.iterdir()) or all(_is_ours(store, item, job) for item in place.iterdir())
    told = _told(store, place)
    return told is not None and told["job"] == job and told["stamp"] == _stamp(place)


def _clone(kept: Path, part: Path) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    with kept.open("rb") as source, part.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            return False
    return True


def _move_or_copy(store: Store, kept: Path, part: Path) -> None:
    inside = kept.is_relative_to(store.root / "objects")
    if inside and kept.stat().st_dev == part.parent.stat().st_dev:
        kept.replace(part)
    else:
        shutil.copyfile(kept, part)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _note(store: Store, place: Path) -> Path:
    name = digest(str(place.absolute()))
    return store.root / "delivered" / name[:2] / f"{name}.json"


def _told(store: Store, place: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(_note(store, place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _stamp(place: Path) -> list[int]:
    told = place.stat()
    return [told.st_size, told.st_mtime_ns]

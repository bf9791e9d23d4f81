"""Bring results to where the user wants them; what is there already is only replaced when that is allowed.

Takes   content in the store and a path of the user's.
Gives   the file at that path, whole, and a note in the store of what was delivered by which job.
Raises  PresetError before anything runs, StorageFailed when the disk will not have it.

A process may be killed between any two steps. The note is written before the name is given, and the store lets go of
its own copy only after that: then the next run finds its film, and knows it as its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ..core.errors import PresetError, StorageFailed
from ..core.file import File
from ..media.copying import share_blocks
from .atomic import storage_errors, sync_file, sync_folder, write_text
from .keys import digest
from .store import Store

_REMEMBERED = 4
"""How many deliveries to one place are remembered."""


def check_place(
    store: Store, place: Path, job: str, *, replace: bool, sources: list[Path], folder: bool = False
) -> None:
    """Refuse a place that would lose something, before anything runs.

    A file that an earlier run of the same job left there, untouched since, may be replaced.

    Raises:
        PresetError: the place is a source, exists, or cannot be written to.
    """
    try:
        _check_kind(store, place, sources, folder)
        if place.exists() and not replace and not is_ours(store, place, job):
            raise PresetError(f"out {place} exists; give --yes to replace it, or another --out")
        parent = place if folder else place.parent
        while not parent.exists():
            parent = parent.parent
    except OSError as error:
        raise PresetError(f"out {place} cannot be a file: {error.strerror}; choose another --out") from error
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise PresetError(f"out {place} cannot be written: {parent} is not a writable folder; choose another --out")


def _check_kind(store: Store, place: Path, sources: list[Path], folder: bool) -> None:
    if any(place.exists() and source.exists() and place.samefile(source) for source in sources):
        raise PresetError(f"out {place} is the source itself, which is never written to; choose another --out")
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise PresetError(f"out {place} is a device or a pipe, which a film cannot replace; choose another --out")
    if place.is_dir() and not folder:
        raise PresetError(f"out {place} is a folder; name a file in it")
    if place.is_file() and folder:
        raise PresetError(f"out {place} is a file, and a folder is wanted; choose another --out")
    if place.absolute().is_relative_to(store.root / "objects"):
        raise PresetError(f"out {place} lies inside the store; choose another --out")


def deliver(store: Store, file: File, place: Path, job: str, *, replace: bool = True) -> None:
    """Put content at a place of the user's, atomically.

    Blocks are shared where the file system can; else, on the same disk, the content gets a second name, and the store
    lets go of its own, so that a film is never kept twice; else it is copied.

    Raises:
        StorageFailed: the disk will not have it, or, without `replace`, a file has appeared at the place.
    """
    part = place.with_name(f".react1-{digest([file.digest, place.name])[:24]}.part")
    with storage_errors(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            _fill(store, file, part)
            part.chmod(0o666 & ~_umask())
            sync_file(part)
            _note_delivery(store, file, place, part, job)
            _name(part, place, replace)
            sync_folder(place.parent)
        finally:
            part.unlink(missing_ok=True)
    store.remember_outside(file, place)
    store.forget_object(file)


def is_delivered(store: Store, file: File, place: Path) -> bool:
    """Tell whether exactly this content stands at a place."""
    return place.is_file() and any(
        told["digest"] == file.digest and told["stamp"] == _stamp(place) for told in _notes(store, place)
    )


def claim(store: Store, file: File, place: Path, job: str) -> None:
    """Note that this job's result stands at a place already."""
    if not is_ours(store, place, job):
        _note_delivery(store, file, place, place, job)


def is_ours(store: Store, place: Path, job: str) -> bool:
    """Tell whether a run of this job left what stands at a place, and nobody has touched it since."""
    if place.is_dir():
        return all(is_ours(store, item, job) for item in place.iterdir())
    return place.is_file() and any(
        told["job"] == job and told["stamp"] == _stamp(place) for told in _notes(store, place)
    )


def _fill(store: Store, file: File, part: Path) -> None:
    """Give `part` the content; another process may just have moved it, so look twice."""
    for last in (False, True):
        try:
            kept = store.path(file)
            if not (share_blocks(kept, part) or _link(store, kept, part)):
                shutil.copyfile(kept, part)
            return
        except FileNotFoundError:
            if last:
                raise


def _link(store: Store, kept: Path, part: Path) -> bool:
    """Give content of the store a second name; a file of the user's is never linked, since it may be written to."""
    if not kept.is_relative_to(store.root / "objects"):
        return False
    part.unlink(missing_ok=True)
    try:
        os.link(kept, part)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _name(part: Path, place: Path, replace: bool) -> None:
    """Give the finished file its name, over nothing that may not be replaced."""
    if replace:
        part.replace(place)
        return
    try:
        os.link(part, place)
    except FileExistsError:
        raise StorageFailed(
            f"{place} has appeared while the run went on; it is left alone, and the film is kept in the store: "
            "run again with --yes to replace it, or with another --out"
        ) from None
    except OSError:
        with place.open("xb"):  # a file system without links: claim the name, then fill it
            pass
        part.replace(place)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _note_delivery(store: Store, file: File, place: Path, part: Path, job: str) -> None:
    notes = [{"digest": file.digest, "job": job, "stamp": _stamp(part)}, *_notes(store, place)]
    write_text(_note(store, place), json.dumps(notes[:_REMEMBERED]))


def _note(store: Store, place: Path) -> Path:
    name = digest(os.fsencode(place.absolute()).hex())
    return store.root / "delivered" / name[:2] / f"{name}.json"


def _notes(store: Store, place: Path) -> list[dict[str, Any]]:
    told: Any = []
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(_note(store, place).read_text(encoding="utf-8"))
    listed = told if isinstance(told, list) else []
    return [one for one in listed if isinstance(one, dict) and {"digest", "job", "stamp"} <= one.keys()]


def _stamp(place: Path) -> list[int]:
    told = place.stat()
    return [told.st_size, told.st_mtime_ns]

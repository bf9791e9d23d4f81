"""Export results to the user's paths; a file that exists is replaced only if that is allowed.

A path that is a link stays one: the film is written to where it points, as programs that open a file for writing do.
A process may be killed between any two steps. The export is recorded before the file gets its name, and the store
drops its own copy only after that: the next run finds the file and knows that an earlier run wrote it. One process at a
time exports to a path.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..core.errors import PresetError, StorageFailed
from ..core.file import File, real_path
from ..media.tools.file_copy import copy_bytes, reflink
from .atomic import acquire_stoppable, storage_errors, sync_file, sync_folder, write_text
from .keys import digest
from .store import Store

_RECORDS_PER_PATH = 4
"""How many exports to one path are recorded."""


def check_destination(
    store: Store, path: Path, job: str, *, replace: bool, sources: list[Path], folder: bool = False
) -> None:
    """Refuse a destination where something would be lost, before anything runs.

    A file that an earlier run of the same job exported, unchanged since, may be replaced.

    Raises:
        PresetError: the destination is a source, exists, or is not writable.
    """
    try:
        _check_file_type(store, path, sources, folder)
        if path.exists() and not replace and not is_own_export(store, path, job):
            raise PresetError(f"out {path} exists; give --replace to replace it, or another --out")
        parent = path if folder else _written_path(path).parent
        _check_link(path, parent)
        while not parent.exists():
            parent = parent.parent
    except OSError as error:
        raise PresetError(f"out {path} cannot be a file: {error.strerror}; choose another --out") from error
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise PresetError(f"out {path} cannot be written: {parent} is not a writable folder; choose another --out")


def _check_file_type(store: Store, path: Path, sources: list[Path], folder: bool) -> None:
    if any(path.exists() and source.exists() and path.samefile(source) for source in sources):
        raise PresetError(f"out {path} is the source itself, which is never written to; choose another --out")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise PresetError(f"out {path} is a device or a pipe, which a film cannot replace; choose another --out")
    if path.is_dir() and not folder:
        raise PresetError(f"out {path} is a folder; name a file in it")
    if path.is_file() and folder:
        raise PresetError(f"out {path} is a file, and a folder is needed; choose another --out")
    if any(path.absolute().is_relative_to(Path(root) / "objects") for root in (store.root, store.backend.place)):
        raise PresetError(f"out {path} is inside the store; choose another --out")


def _check_link(path: Path, parent: Path) -> None:
    """Refuse a link that leads nowhere; the folder that it needs may be on a disk that is not mounted."""
    end = _written_path(path)
    if end.is_symlink():
        raise PresetError(f"out {path} is a link that leads to itself; choose another --out")
    if end != path and not parent.exists():
        missing = "which does not exist" if parent == path else f"and {parent} does not exist"
        raise PresetError(f"out {path} is a link to {end}, {missing}; make the folder, or choose another --out")
    for folder in path.parents:
        if folder.is_symlink() and not folder.exists():
            link = f"{folder} is a link to {_written_path(folder)}, which does not exist"
            raise PresetError(f"out {path} cannot be written: {link}; make the folder, or choose another --out")


def _written_path(path: Path) -> Path:
    """Return the file that is written for a path: the end of a link, else the path itself."""
    return real_path(path) if path.is_symlink() else path


def export(
    store: Store,
    file: File,
    path: Path,
    job: str,
    *,
    replace: bool = True,
    notify: Callable[[str], None] = lambda _: None,
) -> None:
    """Write content from the store to a path of the user's, atomically; a file that is this export already stays.

    The file is a reflink if the file system supports it; else, on the same disk, a hard link, and the store drops its
    own name, so that a film is never stored twice; else a copy.

    Args:
        store: has the content.
        file: the content.
        path: where it is written.
        job: who exports it.
        replace: whether another job's file at the path may be replaced.
        notify: gets one line if another run has to finish its export first.

    Raises:
        StorageFailed: it cannot be written, or, without `replace`, another job's file has appeared at the path.
        Interrupted: the run was stopped while it waited or copied.
    """
    path = _written_path(path)
    with _locked(store, path, notify):
        if is_exported(store, file, path):
            record_export(store, file, path, job)
        else:
            _write(store, file, path, job, replace=replace or is_own_export(store, path, job))
    store.record_external(file, path)
    store.drop_object(file)


@contextlib.contextmanager
def _locked(store: Store, path: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other run exports to a path; two would write the same part file.

    A lock is shared by the paths whose records are in one folder, so that there are 256 and not one for each export.
    """
    folder = _record_path(store, path).parent
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        waiting = f"{path}: another run is writing its output; waiting until it has finished"
        lock = acquire_stoppable(folder / "lock", lambda: notify(waiting))
    with contextlib.closing(lock):
        yield


def _write(store: Store, file: File, path: Path, job: str, *, replace: bool) -> None:
    """Write a part file, and give it its name."""
    part = path.with_name(f".react1-{digest([file.digest, path.name, str(store.root)])[:24]}.part")
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            mode = _mode_of_new_file(part)
            _copy_content(store, file, part)
            part.chmod(mode)
            sync_file(part)
            _record(store, file, path, part, job)
            _rename(part, path, replace)
            sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def is_exported(store: Store, file: File, path: Path) -> bool:
    """Return whether the file at a path is an unchanged export of exactly this content."""
    return path.is_file() and any(
        record["digest"] == file.digest and record["stamp"] == _stamp(path) for record in _records(store, path)
    )


def record_export(store: Store, file: File, path: Path, job: str) -> None:
    """Record that the file at a path is the result of this job too."""
    if not is_own_export(store, path, job):
        _record(store, file, path, path, job)


def is_own_export(store: Store, path: Path, job: str) -> bool:
    """Return whether a run of this job exported the file, or all files of the folder, unchanged since."""
    if path.is_dir():
        return all(is_own_export(store, item, job) for item in path.iterdir())
    return path.is_file() and any(
        record["job"] == job and record["stamp"] == _stamp(path) for record in _records(store, path)
    )


def _copy_content(store: Store, file: File, part: Path) -> None:
    """Reflink, link or copy the content to `part`; retry once, since another process may just have moved it."""
    for last in (False, True):
        try:
            stored = store.path(file)
            if not (reflink(stored, part) or _link(store, stored, part)):
                copy_bytes(stored, part)
            return
        except FileNotFoundError:
            if last:
                raise


def _link(store: Store, stored: Path, part: Path) -> bool:
    """Hard-link an object of the store; an external file is never linked, since the user may write to it."""
    if not stored.is_relative_to(store.root / "objects"):
        return False
    part.unlink(missing_ok=True)
    try:
        os.link(stored, part)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _rename(part: Path, path: Path, replace: bool) -> None:
    """Rename the finished file; without `replace` never over another file."""
    if replace:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise StorageFailed(
            f"{path} appeared during the run and was not replaced; the film is kept in the store: "
            "run again with --replace to replace it, or with another --out"
        ) from None
    except OSError:
        with path.open("xb"):  # a file system without hard links: reserve the name, then replace it
            pass
        part.replace(path)


def _mode_of_new_file(path: Path) -> int:
    """Return the mode that the system gives a new file at a path; to ask for the umask means to change it for a moment.

    No other thread may create a file in that moment.
    """
    path.touch(0o666, exist_ok=False)
    mode = path.stat().st_mode & 0o777
    path.unlink()
    return mode


def _record(store: Store, file: File, path: Path, part: Path, job: str) -> None:
    records = [{"digest": file.digest, "job": job, "stamp": _stamp(part)}, *_records(store, path)]
    write_text(_record_path(store, path), json.dumps(records[:_RECORDS_PER_PATH]))


def _record_path(store: Store, path: Path) -> Path:
    name = digest(os.fsencode(_written_path(path).absolute()).hex())
    return store.root / "exports" / name[:2] / f"{name}.json"


def _records(store: Store, path: Path) -> list[dict[str, Any]]:
    content: Any = []
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(_record_path(store, path).read_text(encoding="utf-8"))
    records = content if isinstance(content, list) else []
    return [record for record in records if isinstance(record, dict) and {"digest", "job", "stamp"} <= record.keys()]


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]

"""Scratch folders of processes, on the disk of this machine; those of processes that are gone are removed.

    scratch/<random>/        scratch folder of a process, with a `lock` that the process holds and a folder per call

The lock shows whether the process is alive, also to processes in other containers that share the home. A process that
removes a folder holds its lock meanwhile, so that a folder that is just being created is either removed before its
process has the lock, or kept.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from pathlib import Path

from ..core.errors import StorageFailed
from .atomic import FileLock, storage_errors, try_acquire


class Scratch:
    """The scratch folder of one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._creating = threading.Lock()

    def new_folder(self) -> Path:
        """Create a folder for one call."""
        with self._creating, storage_errors(self._root):
            if self._folder is None or not self._folder.is_dir():
                self._folder, self._lock = self._create()
            return Path(tempfile.mkdtemp(dir=self._folder))

    def _create(self) -> tuple[Path, FileLock]:
        """Create and lock the folder of this process; try again if a sweep removes it before it is locked."""
        while True:
            self._root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._root))
            with contextlib.suppress(FileNotFoundError):
                lock = try_acquire(folder / "lock")
                if lock is not None:
                    return folder, lock

    def sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        for folder in self._root.glob("*"):
            if folder == self._folder:
                continue
            with contextlib.suppress(OSError, StorageFailed):
                lock = try_acquire(folder / "lock")
                if lock is not None:
                    with contextlib.closing(lock):
                        shutil.rmtree(folder, ignore_errors=True)
                    shutil.rmtree(folder, ignore_errors=True)  # Windows removes the lock only once it is closed

    def close(self) -> None:
        """Remove this process's own folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)  # Windows, as above
            self._folder = None

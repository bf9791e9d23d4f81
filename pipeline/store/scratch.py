"""The rooms of running calls, and what is left of those whose process is gone.

    scratch/<random>/lock        held by the process that works here
    scratch/<random>/<random>/   one call

A lock tells who is alive, so that processes in several containers can share a home.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path

from .atomic import storage_errors
from .locks import Held, hold, is_held

_YOUNG_S = 60
"""A folder without a lock that is younger than this is about to get one."""


class Scratch:
    """The scratch folder of one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Path | None = None
        self._held: Held | None = None
        self._begins = threading.Lock()

    def room(self) -> Path:
        """Make a folder for one call."""
        with self._begins, storage_errors(self._root):
            if self._own is None or not self._own.is_dir():
                self._root.mkdir(parents=True, exist_ok=True)
                self._own = Path(tempfile.mkdtemp(dir=self._root))
                self._held = hold(self._own / "lock")
            return Path(tempfile.mkdtemp(dir=self._own))

    def sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        for folder in self._root.glob("*"):
            if folder == self._own or is_held(folder / "lock"):
                continue
            if (folder / "lock").exists() or time.time() - folder.stat().st_mtime > _YOUNG_S:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove this process's own folder."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
        if self._held is not None:
            self._held.close()
            self._held = None

"""The rooms of running calls, and what is left of those whose process is gone.

    scratch/<random>/lock        held by the process that works here
    scratch/<random>/<random>/   one call

A lock tells who is alive, so that processes in several containers can share a home. Who removes a folder holds its
lock meanwhile, so that a folder that is only just being made is either removed before its process has it, or kept.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
from pathlib import Path

from .atomic import storage_errors
from .locks import Held, hold


class Scratch:
    """The scratch folder of one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Path | None = None
        self._held: Held | None = None
        self._begins = threading.Lock()

    def context(self) -> Path:
        """Make a folder for one call."""
        with self._begins, storage_errors(self._root):
            if self._own is None or not self._own.is_dir():
                self._own, self._held = self._begun()
            return Path(tempfile.mkdtemp(dir=self._own))

    def _begun(self) -> tuple[Path, Held]:
        """Make the folder of this process, again where a sweep of another one took it before its lock was held."""
        while True:
            self._root.mkdir(parents=True, exist_ok=True)
            own = Path(tempfile.mkdtemp(dir=self._root))
            with contextlib.suppress(FileNotFoundError):
                held = hold(own / "lock")
                if held is not None:
                    return own, held

    def sweep(self) -> None:
        """Remove the folders of processes that are gone."""
        for folder in self._root.glob("*"):
            if folder == self._own:
                continue
            with contextlib.suppress(OSError):
                held = hold(folder / "lock")
                if held is not None:
                    with contextlib.closing(held):
                        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove this process's own folder."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
        if self._held is not None:
            self._held.close()
            self._held = None

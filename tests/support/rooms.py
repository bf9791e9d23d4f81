"""A `Room` for tests: a folder, real tools, and a list of what was said."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from react1.pipeline.core.file import File
from react1.pipeline.media.process import run_tool


class FolderRoom:
    """Keeps files under their digest in one folder; `shares` holds what was said of progress."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shares: list[float] = []
        self.calls: list[list[str]] = []
        self._made = 0

    def path(self, file: File) -> Path:
        return self.folder / "kept" / f"{file.digest}{file.suffix}"

    def temp_path(self, name: str) -> Path:
        self._made += 1
        place = self.folder / "new" / str(self._made)
        place.mkdir(parents=True)
        return place / name

    def store(self, path: Path) -> File:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        file = File(digest=digest, suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self.path(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, self.path(file))
        return file

    def adopt(self, path: Path) -> File:
        """Put a copy of a file into the room, as the runner does with a source."""
        copy = self.temp_path(path.name)
        shutil.copyfile(path, copy)
        return self.store(copy)

    def cache_get(self, parts) -> Path | None:
        kept = self._remembered_at(parts)
        return kept if kept.is_file() else None

    def cache_put(self, parts, made: Path) -> None:
        place = self._remembered_at(parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, place)

    def _remembered_at(self, parts) -> Path:
        return self.folder / "remembered" / hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def progress(self, share: float) -> None:
        assert 0 <= share <= 1
        self.shares.append(share)

    def run_tool(self, argv, *, duration_s=None, timeout_s=600):
        self.calls.append(list(argv))
        return run_tool(argv, timeout_s=timeout_s)

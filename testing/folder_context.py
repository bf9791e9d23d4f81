"""A node's context on a temporary folder, and a clock that moves only when it is slept on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..pipeline.core.errors import Interrupted
from ..pipeline.core.file import File
from ..pipeline.media.tools.process import run_tool
from ..pipeline.scripting.context_clips import ContextClips

_SHORTEST_SLEEP_S = 1e-6
"""A sleep that is too short to change the sum would never end a loop that waits for a time."""


class FolderContext(ContextClips):
    """A `NodeContext` on one folder, with real tools; it records progress and command lines.

    Attributes:
        shares: every value that `progress` was called with, in order.
        calls: the argument list of every tool that was run.
        stop_after: number of calls of any method after which `Interrupted` is raised; None for never.
    """

    def __init__(self, folder: Path, *, stop_after: int | None = None) -> None:
        self.folder = folder
        self.shares: list[float] = []
        self.calls: list[list[str]] = []
        self.stop_after = stop_after
        self._steps = 0
        self._temporary = 0

    def path(self, file: File) -> Path:
        """Return where the content of a file can be read."""
        self._step()
        return self._stored(file)

    def temp_path(self, name: str) -> Path:
        """Return a path for a new file of this name in a folder of its own."""
        self._step()
        self._temporary += 1
        folder = self.folder / "temp" / str(self._temporary)
        folder.mkdir(parents=True)
        return folder / name

    def store(self, path: Path) -> File:
        """Move a finished file into the store under its SHA-256."""
        self._step()
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        file = File(digest=sha256, suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self._stored(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, self._stored(file))
        return file

    def add_external(self, path: Path) -> File:
        """Store a copy of a file, as the runner does with a source."""
        folder = self.folder / "external"
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / path.name
        shutil.copyfile(path, copy)
        return self.store(copy)

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return the file that was cached under these parts, or None."""
        self._step()
        cached = self._cached(parts)
        return cached if cached.is_file() else None

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache a finished file under these parts."""
        self._step()
        cached = self._cached(parts)
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, cached)

    def progress(self, share: float) -> None:
        """Record how much is done, 0 to 1."""
        self._step()
        assert 0 <= share <= 1, f"progress {share} is not between 0 and 1"
        self.shares.append(share)

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 600) -> str:
        """Run a tool to its end and return its standard error."""
        self._step()
        self.calls.append(list(argv))
        return run_tool(argv, timeout_s=timeout_s)

    def stored_files(self) -> list[Path]:
        """Return every file of the store."""
        return sorted(path for path in (self.folder / "store").rglob("*") if path.is_file())

    def _stored(self, file: File) -> Path:
        return self.folder / "store" / f"{file.digest}{file.suffix}"

    def _cached(self, parts: Mapping[str, Any]) -> Path:
        return self.folder / "cache" / hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _step(self) -> None:
        self._steps += 1
        if self.stop_after is not None and self._steps > self.stop_after:
            raise Interrupted("stopped by the test")


class FakeClock:
    """A clock that moves only when it is slept on; use its methods where a clock is an argument."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self.sleeps_s: list[float] = []

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        return self._start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Advance the clock at once, after everything that is due has run."""
        self.sleeps_s.append(seconds)
        await asyncio.sleep(0)
        self.elapsed_s += max(seconds, _SHORTEST_SLEEP_S) if seconds > 0 else 0.0

"""A cache of generated films: each is generated once per test run, by the first worker that needs it, then copied."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

folder: Path | None = None
"""The cache; conftest.py sets the same folder in all workers of a run."""


def cached_film(path: Path, key: object, generate: Callable[[Path], object]) -> Path:
    """Write a film to `path`, a copy of the cached one, which `generate` writes; `repr(key)` identifies it."""
    if folder is None:
        generate(path)
        return path
    cached = folder / f"{hashlib.sha256(repr(key).encode()).hexdigest()}{path.suffix}"
    if not cached.exists():
        new = Path(mkdtemp(dir=folder)) / path.name
        generate(new)
        new.replace(cached)  # if two workers have generated it, the later file replaces the earlier one
    shutil.copyfile(cached, path)
    return path

"""Films that are made once in a test run, by whichever worker asks first, and copied to whoever asks again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

folder: Path | None = None
"""Where they are kept; conftest.py gives all workers of a run the same one."""


def kept(path: Path, made_of: object, make: Callable[[Path], object]) -> Path:
    """Give a file of one's own at `path`, as `make` writes it; `made_of` tells by its repr what `make` hangs on."""
    if folder is None:
        make(path)
        return path
    stored = folder / f"{hashlib.sha256(repr(made_of).encode()).hexdigest()}{path.suffix}"
    if not stored.exists():
        fresh = Path(mkdtemp(dir=folder)) / path.name
        make(fresh)
        fresh.replace(stored)  # two workers may both have made it: the later one counts
    shutil.copyfile(stored, path)
    return path

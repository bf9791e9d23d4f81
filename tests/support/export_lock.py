"""Hold the lock under which a run writes its output, as another run does that copies to a slow disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from react1.pipeline.store.atomic import acquire
from react1.pipeline.store.export import _record_path
from react1.pipeline.store.store import Store


@contextlib.contextmanager
def held_export(home: Path, path: Path) -> Iterator[None]:
    """Let no run of a home write to a path meanwhile."""
    with contextlib.closing(Store(home)) as store:
        folder = _record_path(store, path).parent
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(acquire(folder / "lock")):
        yield

"""Where the files of a turnover go: the clips from the store, the timelines written for the folder that they lie in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from ..clips import Turnover
from ..file import File
from ..store.store import Store, file_digest
from ..turnover.files import clips_in, timelines, version_for


def turnover_targets(store: Store, turnover: Turnover, folder: Path) -> Iterator[tuple[File, Path]]:
    """Pair every file of a turnover with its place, under the first version that is free."""
    version = version_for(turnover, folder, _stands)
    yield from clips_in(turnover, folder, version)
    room = store.room_folder()
    try:
        for name, text in timelines(turnover, folder, version).items():
            written = room / name
            written.write_bytes(text.encode())
            yield store.keep(written), folder / name
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _stands(file: File, place: Path) -> bool:
    try:
        return place.is_file() and place.stat().st_size == file.size_bytes and file_digest(place) == file.digest
    except OSError:  # what cannot be read is somebody else's
        return False

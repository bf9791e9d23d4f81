"""Which backend the setting REACT1_STORE names: a folder that all machines see at some path, or a bucket."""

from __future__ import annotations

import functools
from pathlib import Path

from ..core.errors import PresetError
from .directory import directory_backend
from .store_backend import Backend


def open_backend(home: Path, place: str, *, probe: bool = True) -> Backend:
    """Return the backend of a home folder: its own, or the shared one at `place` if that is not empty.

    Args:
        home: the home folder; it also has the cache of a bucket.
        place: the value of REACT1_STORE.
        probe: whether to check with small writes that a bucket can be relied on.

    Raises:
        PresetError: the place is no folder or bucket that can be used.
    """
    if not place:
        return directory_backend(home, shared=False)
    if place.startswith("s3://"):
        return _bucket(place, home, probe)
    folder = Path(place.removeprefix("file://")).expanduser()
    if "://" in str(folder) or not folder.is_absolute():
        raise PresetError(f"REACT1_STORE {place!r} is no place; set it to s3://bucket/prefix or an absolute folder")
    if not folder.is_dir():
        raise PresetError(f"REACT1_STORE {place} is not a folder; create it, or mount the disk that has it")
    if home.exists() and folder.samefile(home):
        raise PresetError(f"REACT1_STORE {place} is the home folder itself; set it to another folder, or unset it")
    return directory_backend(folder, shared=True)


@functools.cache
def _bucket(url: str, cache: Path, probe: bool) -> Backend:
    """Open a bucket once per process, since opening probes it with requests."""
    from ..storage.object_bucket import ObjectBucket
    from .object_store import bucket_backend

    return bucket_backend(ObjectBucket(url), cache, probe=probe)
